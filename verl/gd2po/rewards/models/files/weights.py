"""The weight files of a checkpoint. Tensors are mapped from disk: what is not used is not read."""

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from gd2po.rewards.models.contract import RewardModelError

if TYPE_CHECKING:
    import torch

SINGLE = ("model.safetensors", "pytorch_model.bin")
"""A checkpoint of one file, in the order in which transformers looks; of several, this and ``.index.json``."""


def index_of(single: str) -> str:
    """Name of the file that says which of several files holds which tensor."""
    return f"{single}.index.json"


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RewardModelError: The file holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RewardModelError(f"{file} is no JSON: {error}; download or copy it again") from error
    if not isinstance(content, dict):
        raise RewardModelError(f"{file} holds a {type(content).__name__}, expected a JSON object")
    return content


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers would load.

    Raises:
        RewardModelError: There are none, or one that the index names is missing.
    """
    for single in SINGLE:
        if (folder / single).is_file():
            return [folder / single]
        index = folder / index_of(single)
        if index.is_file():
            return _indexed(index)
    raise RewardModelError(f"{folder} holds neither {' nor '.join(SINGLE)}, nor an index of several such files")


def _indexed(index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise RewardModelError(f"{index} has no weight_map, which says where each tensor is; download or copy it again")
    files = [index.parent / name for name in sorted(set(weight_map.values()))]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise RewardModelError(
            f"{index.parent} lacks {len(missing)} of {len(files)} files that its index names: {', '.join(missing)}; "
            "download or copy them again"
        )
    return files


def read_weights(file: Path) -> "dict[str, torch.Tensor]":
    """Name → tensor of one file.

    Raises:
        RewardModelError: The file cannot be read, or is a ``.bin`` of torch before 1.6, which cannot be mapped.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as tensors:
                return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
        return dict(torch.load(file, map_location="cpu", mmap=True, weights_only=True))
    except (SafetensorError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        raise RewardModelError(
            f"{file} cannot be read: {error}. Download or copy it again; a .bin of old PyTorch has to be saved anew, "
            "best as safetensors"
        ) from error
