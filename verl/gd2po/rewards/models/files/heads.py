"""Heads under other names than those that servers read, and what to do with each."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LANGUAGE_HEADS = ("lm_head.", "embed_out.")
"""The head by which a language model names its next token, which no score depends on."""
_LIKE_A_HEAD = re.compile("head|score|reward|value|classif|regress|summary")
_LIKE_A_BACKBONE = re.compile("model|transformer|tower|project|vis|audio|embed|encoder|decoder|layer|norm|pooler")
_HEAD_FILES = ("value_head.safetensors", "value_head.bin", "v_head.safetensors", "v_head.bin")
"""Files in which LLaMA-Factory saves the head of a reward model beside its backbone."""


def outside_backbone(names: Collection[str]) -> list[str]:
    """The names of the tensors that stand neither under the backbone nor in a language model's own head.

    The backbone is the first part that most names share, and whatever the first part says to be one.
    """
    shared = Counter(name.partition(".")[0] for name in names).most_common(1)
    backbone = f"{shared[0][0]}." if shared else ""
    return sorted(
        name
        for name in names
        if not name.startswith((backbone, *_LANGUAGE_HEADS))
        and (_LIKE_A_HEAD.search(first := name.partition(".")[0]) or not _LIKE_A_BACKBONE.search(first))
    )


def other_head(folder: Path, tensors: "Mapping[str, torch.Tensor]", known: Collection[str], convertible: bool) -> str:
    """What is known of a head under another name, with what to do, as the sentences of a refusal.

    Args:
        folder: The folder of the model.
        tensors: All tensors of the checkpoint.
        known: The names of the head that servers read.
        convertible: Whether a head of this family can be renamed.

    Returns:
        Sentences; empty where there is no tensor that looks like a head.
    """
    if files := [name for name in _HEAD_FILES if (folder / name).is_file()]:
        return (
            f"Its head lies in a file of its own ({files[0]}, as LLaMA-Factory writes it), which no server reads. "
            f"{_own_code()}"
        )
    names = [name for name in outside_backbone(tensors) if name not in known]
    if not any(_LIKE_A_HEAD.search(name) for name in names):
        return ""
    shapes = ", ".join(f"{name} {list(tensors[name].shape)}" for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    described = f"Beside its backbone it holds {shapes}{more}"
    if convertible and (linear := _one_linear_layer(names, tensors)):
        command = f"gd2po convert-reward-model {shlex.quote(str(folder))} {shlex.quote(f'{folder}-converted')}"
        return (
            f"{described}: a head under another name. If its score is read at the last token, convert it once:\n"
            f"  {command} --head {linear}"
        )
    return f"{described}: if that is its head, it is not the one linear layer that servers read. {_own_code()}"


def _one_linear_layer(names: Sequence[str], tensors: "Mapping[str, torch.Tensor]") -> str | None:
    """The name of the only matrix with one row; None where there is more, such as a bias that is not zero."""
    weights = [name for name in names if tensors[name].dim() == 2]
    if len(weights) != 1 or tensors[weights[0]].shape[0] != 1 or not weights[0].endswith(".weight"):
        return None
    bias = f"{weights[0].removesuffix('weight')}bias"
    rest = [name for name in names if name not in (weights[0], bias)]
    return None if rest or (bias in tensors and bool(tensors[bias].any())) else weights[0]


def _own_code() -> str:
    return (
        "Serve the model by its authors' code behind an endpoint /classify as vLLM has it (placement: server, url), or "
        "choose a model with one linear head"
    )
