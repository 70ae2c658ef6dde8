"""The layout of SafeRLHF and align-anything, and which of its tensors a sequence classifier has under which names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import SCORE_HEAD, architecture

if TYPE_CHECKING:
    import torch

ARCHITECTURES = {"qwen2": "Qwen2ForSequenceClassification", "llama": "LlamaForSequenceClassification"}
"""``model_type`` → the architecture after the conversion."""

_HEAD = "score.weight"
_BACKBONE = "model."
_BIAS = "score_head.bias"
_UNUSED = ("lm_head.", "normalizer.", _BIAS)
"""Tensors that no score depends on: the language model's own head, a normaliser that is off, a bias of 0."""

_OF_THE_LAYOUT = {"auto_map", "bias", "do_normalize", "momentum", "normalizer_type"}
_OF_THE_LAYOUT |= {"score_bias", "score_dim", "score_type", "id2label", "label2id"}
"""Entries of config.json that only the layout's own code reads, or that say how many outputs there are."""


def check_layout(source: Path, config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]") -> None:
    """Refuse a checkpoint that cannot be converted without a change of scores.

    Args:
        source: The folder, for the message.
        config: The config.json of the checkpoint.
        tensors: All tensors of the checkpoint.

    Raises:
        RewardModelError: The checkpoint is converted already, has another layout or is of another family, its head
            has another shape, or it has a bias or a normaliser, for which a sequence classifier has no place.
    """
    was = architecture(config)
    if SCORE_HEAD not in tensors:
        _refuse_without_head(source, was, tensors)
    unknown = [name for name in tensors if name != SCORE_HEAD and not name.startswith((_BACKBONE, *_UNUSED))]
    if unknown:
        raise RewardModelError(
            f"{source} holds {_some(unknown)}, and it is not known whether scores depend on that; expected "
            f"{_BACKBONE}* and {SCORE_HEAD} alone"
        )
    if config.get("model_type") not in ARCHITECTURES:
        raise RewardModelError(
            f"{source} is a {was} of the family {config.get('model_type')!r} (model_type in config.json); families "
            f"that can be converted: {', '.join(ARCHITECTURES)}"
        )
    _check_head(source, config, tensors)


def _refuse_without_head(source: Path, was: str, tensors: "Mapping[str, torch.Tensor]") -> None:
    if _HEAD in tensors and was.endswith("ForSequenceClassification"):
        raise RewardModelError(f"{source} is a {was} with {_HEAD} already; use it as it is")
    others = [name for name in tensors if not name.startswith(_BACKBONE)]
    raise RewardModelError(
        f"{source} is a {was} without {SCORE_HEAD}: beside {_BACKBONE}* it holds {_some(others)}. Only the layout of "
        "SafeRLHF and align-anything can be converted"
    )


def _check_head(source: Path, config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]") -> None:
    shape, expected = list(tensors[SCORE_HEAD].shape), [1, config.get("hidden_size")]
    if shape != expected:
        raise RewardModelError(f"{source} has a {SCORE_HEAD} of shape {shape}; a reward model has {expected}")
    if _BIAS in tensors and tensors[_BIAS].any():
        raise RewardModelError(
            f"{source} has a {_BIAS} of {tensors[_BIAS].flatten().tolist()}, for which a sequence classifier has no "
            "place: all scores would be shifted by it"
        )
    if config.get("do_normalize"):
        raise RewardModelError(
            f"{source} normalises its scores (do_normalize in config.json), for which a sequence classifier has no "
            "place: all scores would be shifted and scaled"
        )


def renamed(tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The tensors that a sequence classifier has, under its names."""
    return {
        _HEAD if name == SCORE_HEAD else name: tensor
        for name, tensor in tensors.items()
        if not name.startswith(_UNUSED)
    }


def unused(tensors: "Mapping[str, torch.Tensor]") -> list[str]:
    """Names of the tensors that no score depends on."""
    return [name for name in tensors if name.startswith(_UNUSED)]


def converted_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of the sequence classifier. ``problem_type`` makes vLLM answer with raw logits."""
    kept = {name: value for name, value in config.items() if name not in _OF_THE_LAYOUT}
    return kept | {
        "architectures": [ARCHITECTURES[config["model_type"]]],
        "num_labels": 1,
        "problem_type": "regression",
    }


def _some(names: list[str], limit: int = 4) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(sorted(names)[:limit]) + more or "nothing"
