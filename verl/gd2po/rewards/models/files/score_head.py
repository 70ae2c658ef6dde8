"""The layout of SafeRLHF and align-anything, and which of its tensors a sequence classifier has under which names.

Layouts that differ from it only in the name of the head are read too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files import families
from gd2po.rewards.models.files.checkpoints import SCORE_HEAD, architecture

if TYPE_CHECKING:
    import torch

_HEAD = "score.weight"
_BACKBONE = "model."
_UNUSED = ("lm_head.", "normalizer.")
"""Tensors that no score depends on: the language model's own head, and a normaliser that is off."""

_OF_THE_LAYOUT = {"auto_map", "bias", "do_normalize", "momentum", "normalizer_type"}
_OF_THE_LAYOUT |= {"score_bias", "score_dim", "score_type", "id2label", "label2id"}
"""Entries of config.json that only the layout's own code reads, or that say how many outputs there are."""


def check_layout(
    source: Path, config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]", head: str = SCORE_HEAD
) -> None:
    """Refuse a checkpoint that cannot be converted without a change of scores.

    Args:
        source: The folder, for the message.
        config: The config.json of the checkpoint.
        tensors: All tensors of the checkpoint.
        head: The name of the weight of its head.

    Raises:
        RewardModelError: The checkpoint is converted already, has another layout or is of another family, its head
            has another shape, or it has a bias or a normaliser, for which a sequence classifier has no place.
    """
    was, family = architecture(config), families.family_of(config)
    if head not in tensors:
        _refuse_without_head(source, was, tensors, head)
    unknown = [name for name in tensors if name != head and not name.startswith(_BACKBONE) and not _drops(name, head)]
    if unknown:
        raise RewardModelError(
            f"{source} holds {_some(unknown)}, and it is not known whether scores depend on that; expected "
            f"{_BACKBONE}* and {head} alone"
        )
    if family not in families.CONVERTIBLE:
        raise RewardModelError(
            f"{source} is a {was} of the family {family!r} (model_type in config.json); families "
            f"that can be converted: {', '.join(sorted(families.CONVERTIBLE))}"
        )
    _check_head(source, config, tensors, head)


def _refuse_without_head(source: Path, was: str, tensors: "Mapping[str, torch.Tensor]", head: str) -> None:
    if _HEAD in tensors and was.endswith("ForSequenceClassification"):
        raise RewardModelError(f"{source} is a {was} with {_HEAD} already; use it as it is")
    others = [name for name in tensors if not name.startswith(_BACKBONE)]
    raise RewardModelError(
        f"{source} is a {was} without {head}: beside {_BACKBONE}* it holds {_some(others)}. Only the layout of "
        "SafeRLHF and align-anything can be converted; where the head has another name, give it: --head NAME"
    )


def _check_head(source: Path, config: Mapping[str, Any], tensors: "Mapping[str, torch.Tensor]", head: str) -> None:
    shape, expected = list(tensors[head].shape), [1, families.hidden_size(config)]
    if shape != expected:
        raise RewardModelError(f"{source} has a {head} of shape {shape}; a reward model has {expected}")
    bias = _bias_of(head)
    if bias in tensors and tensors[bias].any():
        raise RewardModelError(
            f"{source} has a {bias} of {tensors[bias].flatten().tolist()}, for which a sequence classifier has no "
            "place: all scores would be shifted by it"
        )
    if config.get("do_normalize"):
        raise RewardModelError(
            f"{source} normalises its scores (do_normalize in config.json), for which a sequence classifier has no "
            "place: all scores would be shifted and scaled"
        )


def renamed(tensors: "Mapping[str, torch.Tensor]", head: str) -> "dict[str, torch.Tensor]":
    """The tensors that a sequence classifier has, under its names; ``head`` is the name of the head's weight."""
    return {_HEAD if name == head else name: tensor for name, tensor in tensors.items() if not _drops(name, head)}


def unused(tensors: "Mapping[str, torch.Tensor]", head: str) -> list[str]:
    """Names of the tensors that no score depends on."""
    return [name for name in tensors if _drops(name, head)]


def _drops(name: str, head: str) -> bool:
    """Whether no score depends on a tensor. A bias of the head is 0 in all that is converted."""
    return name.startswith(_UNUSED) or name == _bias_of(head)


def _bias_of(head: str) -> str:
    return f"{head.removesuffix('weight')}bias"


def converted_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of the sequence classifier. ``problem_type`` makes vLLM answer with raw logits."""
    kept = {name: value for name, value in config.items() if name not in _OF_THE_LAYOUT}
    return kept | {
        "architectures": [families.classifier_of(families.family_of(config))],
        "num_labels": 1,
        "problem_type": "regression",
    }


def _some(names: list[str], limit: int = 4) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(sorted(names)[:limit]) + more or "nothing"
