"""Folders that hold something less than a whole model: adapters, and the shards of a training."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.weights import read_json, read_weights

ADAPTER_CONFIG = "adapter_config.json"
_ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_ADAPTER_MARKS = (".lora_", ".base_layer.", ".modules_to_save.", "base_model.model.")
_ADAPTER_HEADS = ("score", "classifier", "v_head", "value_head")
_SHARDS = {
    "model_world_size_*_rank_*.pt": (
        "the shards of a training by verl; merge them: python -m verl.model_merger merge --backend fsdp "
        "--local_dir {folder} --target_dir {merged}"
    ),
    "mp_rank_*_model_states.pt": (
        "the shards of a training by DeepSpeed; merge them by the zero_to_fp32.py that lies beside them"
    ),
    "*.gguf": "a model in GGUF, which no server here reads as a reward model; name the model that it was made of",
}


def check_whole(folder: Path, kind: Literal["scalar", "guard"]) -> None:
    """Refuse a folder with an adapter, or with the shards of a training instead of a model.

    transformers adds an adapter that lies in a model's folder to the model that the adapter names, and vLLM does not:
    scores would depend on the engine.

    Raises:
        RewardModelError: Naming what the folder holds, and how to make a whole model of it.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        raise RewardModelError(_adapter_refusal(folder, kind))
    if (folder / "config.json").is_file():
        return
    for pattern, remedy in _SHARDS.items():
        if any(folder.glob(pattern)):
            paths = {"folder": shlex.quote(str(folder)), "merged": shlex.quote(f"{folder}-merged")}
            raise RewardModelError(f"{folder} holds no config.json, but {remedy.format(**paths)}")


def check_merged(folder: Path, names: Iterable[str]) -> None:
    """Refuse weights that contain an adapter which is not merged.

    Args:
        folder: The folder of the model, for the message.
        names: The names of its tensors.

    Raises:
        RewardModelError: A name is that of an adapter's tensor.
    """
    if unmerged := [name for name in names if any(mark in name for mark in _ADAPTER_MARKS)]:
        raise RewardModelError(
            f"{folder} holds the weights of an adapter that is not merged ({unmerged[0]}, {len(unmerged)} in all), "
            "which every server would leave out; call merge_and_unload() on the model before it is saved"
        )


def _adapter_refusal(folder: Path, kind: str) -> str:
    config = read_json(folder / ADAPTER_CONFIG)
    base, method = config.get("base_model_name_or_path"), config.get("peft_type", "PEFT")
    beside = " beside the config.json of a model" if (folder / "config.json").is_file() else ""
    refusal = f"{folder} holds an adapter ({method}, of {base!r}; {ADAPTER_CONFIG}){beside}, expected a whole model"
    if beside:
        return (
            f"{refusal}: transformers would score by the adapter, and vLLM without it. If the model is merged already, "
            f"remove {ADAPTER_CONFIG}; else {_merging(folder, kind)}"
        )
    if kind == "scalar" and not _has_head(folder):
        return (
            f"{refusal}. The adapter holds no head ({', '.join(_ADAPTER_HEADS)}): unless {base!r} is a reward model, "
            "its head was not saved, and scores would be those of a random one. Train it again with task_type: "
            f"SEQ_CLS, which saves the head; if its base has a trained head, {_merging(folder, kind)}"
        )
    return f"{refusal}: {_merging(folder, kind)}"


def _merging(folder: Path, kind: str) -> str:
    task, options = ("CausalLM", "") if kind == "guard" else ("SequenceClassification", ", num_labels=1")
    source, merged = repr(str(folder)), repr(f"{folder}-merged")
    return (
        "merge it once, in Python:\n"
        f"  from peft import AutoPeftModelFor{task}\n"
        "  from transformers import AutoTokenizer\n"
        f"  AutoPeftModelFor{task}.from_pretrained({source}{options}).merge_and_unload().save_pretrained({merged})\n"
        f"  AutoTokenizer.from_pretrained({source}).save_pretrained({merged})"
    )


def _has_head(folder: Path) -> bool:
    files = [folder / name for name in _ADAPTER_WEIGHTS if (folder / name).is_file()]
    names = {part for file in files for name in read_weights(file) for part in name.split(".")}
    return not names.isdisjoint(_ADAPTER_HEADS)
