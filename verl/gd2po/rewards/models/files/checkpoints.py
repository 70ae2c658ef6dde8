"""Checks of a reward model's checkpoint by its files alone, before anything is loaded.

A classifier without a head in its checkpoint gets a random one by transformers, with a warning only: it would train the
policy on noise. So the head is looked for first.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files import families
from gd2po.rewards.models.files.adapters import check_merged, check_whole
from gd2po.rewards.models.files.heads import other_head, outside_backbone
from gd2po.rewards.models.files.weights import read_json, read_weights, weight_files

if TYPE_CHECKING:
    import torch

Kind = Literal["scalar", "guard"]
SCORE_HEAD = "score_head.weight"
"""Head of the SafeRLHF and align-anything layouts."""

_CAUSAL = ("ForCausalLM", "ForConditionalGeneration")
_LABELS = 2
"""Outputs of a classifier whose config.json names none, by transformers."""


def check_checkpoint(path: str | Path, kind: Kind) -> None:
    """Refuse a checkpoint that cannot be served as it is.

    Reads config.json and the names and shapes of the tensors, in safetensors or ``.bin``. A name on the hub that is no
    folder here is left to the loader: it may have to be downloaded first. A scalar model has to be of a family in
    :mod:`gd2po.rewards.models.files.families`.

    Raises:
        RewardModelError: Naming what was found, what was expected, and the remedy.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or str(path).startswith((".", "~")) or str(path).count("/") != 1:
            raise RewardModelError(f"reward model {path}: there is no such folder")
        return
    check_whole(folder, kind)
    config = read_config(folder)
    tensors = {name: tensor for file in weight_files(folder) for name, tensor in read_weights(file).items()}
    check_merged(folder, tensors)
    if SCORE_HEAD in tensors:
        raise RewardModelError(
            f"{folder} has the layout of SafeRLHF ({SCORE_HEAD}, {architecture(config)}), which vLLM, SGLang and "
            f"transformers load without its head; {_conversion(folder, config)}"
        )
    if kind == "guard":
        _check_guard(folder, config)
    else:
        _check_scalar(folder, config, tensors)


def check_family(path: str | Path, config: Mapping[str, Any]) -> None:
    """Refuse a sequence classifier of a family whose scores would not be right.

    Args:
        path: The folder or hub name of the model, for the message.
        config: The config.json of the model.

    Raises:
        RewardModelError: Naming the family and the reason.
    """
    family = families.family_of(config)
    if reason := families.reason_against(family):
        raise RewardModelError(
            f"{path} is a {architecture(config)} of the family {family!r} (model_type in config.json), which cannot be "
            f"a scalar reward model here: {reason}. Choose a model of another family (docs/reward_models.md names "
            "them), or serve it by its authors' code and set placement: server with its url"
        )


def _conversion(folder: Path, config: Mapping[str, Any]) -> str:
    """What to do with a head that the conversion renames."""
    if (family := families.family_of(config)) not in families.CONVERTIBLE:
        return (
            f"the family {family!r} (model_type in config.json) cannot be converted. Families that can: "
            f"{', '.join(sorted(families.CONVERTIBLE))}"
        )
    return (
        "convert it once:\n"
        f"  gd2po convert-reward-model {shlex.quote(str(folder))} {shlex.quote(f'{folder}-converted')}"
    )


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


def _check_scalar(folder: Path, config: dict[str, Any], tensors: "Mapping[str, torch.Tensor]") -> None:
    was, family = architecture(config), families.family_of(config)
    known = families.heads_of(family)
    other = other_head(folder, tensors, known, convertible=family in families.CONVERTIBLE)
    if was.endswith(_CAUSAL) and not other:
        raise RewardModelError(
            f"{folder} is a {was}, a language model without a scalar head, and would get a random one. Choose a "
            "reward model, or set kind: guard if it is one that says safe or unsafe"
        )
    if not was.endswith("ForSequenceClassification"):
        expected = "expected a …ForSequenceClassification with one output"
        raise RewardModelError(f"{folder} is a {was}; {expected}{f'. {other}' if other else ''}")
    check_family(folder, config)
    if was != (expected := families.classifier_of(family)):
        raise RewardModelError(
            f"{folder} is a {was} by its architectures, and a {expected} by its model_type {family!r} (config.json): "
            "vLLM goes by the one and transformers by the other; mend the entry that is wrong"
        )
    head = next((name for name in known if name in tensors), None)
    if head is None:
        save = other or "Save the whole trained model, not only its backbone or an adapter"
        raise RewardModelError(
            f"{folder} is a {was}, but its weights lack the head ({' or '.join(known)}), and it would get a "
            f"random one. {save}"
        )
    unread = [name for name in outside_backbone(tensors) if name != head]
    if family in families.LAST_TOKEN and unread:
        raise RewardModelError(
            f"{folder} holds {', '.join(unread)} beside its backbone and its head {head}, which no sequence classifier "
            "of this family reads, so its scores would be others than those it was trained to give. Remove what is of "
            "no use from the weights, or choose a model with one linear head without bias"
        )
    _check_head(folder, config, head, list(tensors[head].shape))


def _check_head(folder: Path, config: dict[str, Any], head: str, shape: list[int]) -> None:
    hidden = families.hidden_size(config) or shape[-1]
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
