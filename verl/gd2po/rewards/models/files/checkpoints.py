"""Checks of a reward model's checkpoint by its files alone, before anything is loaded.

A classifier without a head in its checkpoint gets a random one by transformers, with a warning only: it would train the
policy on noise. So the head is looked for first.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.weights import read_json, read_weights, weight_files

Kind = Literal["scalar", "guard"]
SCORE_HEAD = "score_head.weight"
"""Head of the SafeRLHF and align-anything layouts."""

_HEADS = ("score.weight", "classifier.weight", "classifier.out_proj.weight")
_CAUSAL = ("ForCausalLM", "ForConditionalGeneration")
_LABELS = 2
"""Outputs of a classifier whose config.json names none, by transformers."""


def check_checkpoint(path: str | Path, kind: Kind) -> None:
    """Refuse a checkpoint that cannot be served as it is.

    Reads config.json and the names and shapes of the tensors, in safetensors or ``.bin``. A name on the hub that is no
    folder here is left to the loader: it may have to be downloaded first.

    Raises:
        RewardModelError: Naming what was found, what was expected, and the remedy.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or str(path).startswith((".", "~")) or str(path).count("/") != 1:
            raise RewardModelError(f"reward model {path}: there is no such folder")
        return
    config = read_config(folder)
    shapes = {name: list(tensor.shape) for file in weight_files(folder) for name, tensor in read_weights(file).items()}
    if SCORE_HEAD in shapes:
        raise RewardModelError(
            f"{folder} has the layout of SafeRLHF ({SCORE_HEAD}, {architecture(config)}), which vLLM, SGLang and "
            "transformers load without its head; convert it once:\n"
            f"  gd2po convert-reward-model {shlex.quote(str(folder))} {shlex.quote(f'{folder}-converted')}"
        )
    if kind == "guard":
        _check_guard(folder, config)
    else:
        _check_scalar(folder, config, shapes)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint.

    Raises:
        RewardModelError: There is no config.json, or it is no JSON object.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise RewardModelError(f"{folder} holds no config.json; expected the folder of a Hugging Face model")
    return read_json(file)


def architecture(config: Mapping[str, Any]) -> str:
    """The first of its architectures, or words that say that there is none."""
    return str((config.get("architectures") or ["model of unknown architecture"])[0])


def _check_guard(folder: Path, config: dict[str, Any]) -> None:
    if not architecture(config).endswith(_CAUSAL):
        raise RewardModelError(
            f"{folder} is a {architecture(config)}; a guard is a causal language model. A classifier with one output "
            "is kind: scalar"
        )


def _check_scalar(folder: Path, config: dict[str, Any], shapes: dict[str, list[int]]) -> None:
    was = architecture(config)
    if was.endswith(_CAUSAL):
        raise RewardModelError(
            f"{folder} is a {was}, a language model without a scalar head, and would get a random one. Choose a "
            "reward model, or set kind: guard if it is one that says safe or unsafe"
        )
    if not was.endswith("ForSequenceClassification"):
        raise RewardModelError(f"{folder} is a {was}; expected a …ForSequenceClassification with one output")
    head = next((name for name in _HEADS if name in shapes), None)
    if head is None:
        raise RewardModelError(
            f"{folder} is a {was}, but its weights lack the head (none of {', '.join(_HEADS)}), and it would get a "
            "random one. Save the whole trained model, not only its backbone or an adapter"
        )
    _check_head(folder, config, head, shapes[head])


def _check_head(folder: Path, config: dict[str, Any], head: str, shape: list[int]) -> None:
    hidden = config.get("hidden_size", shape[-1])
    if shape != [1, hidden]:
        raise RewardModelError(
            f"{folder} has a head {head} of shape {shape}; a reward model has one output: [1, {hidden}]"
        )
    labels = config.get("num_labels", len(config.get("id2label") or range(_LABELS)))
    if labels != 1:
        raise RewardModelError(
            f"{folder} has one output ({head} {shape}), but its config.json says {labels}; put "
            '"num_labels": 1 into it, and drop id2label and label2id'
        )
