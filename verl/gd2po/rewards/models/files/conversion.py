"""SafeRLHF and align-anything reward models as sequence classifiers, which vLLM, SGLang and transformers load.

Both layouts are a language model under ``model.`` and a linear ``score_head``, read at the last token. A sequence
classifier is the same with the head called ``score``: scores stay equal, and only names change.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.adapters import check_whole
from gd2po.rewards.models.files.checkpoints import SCORE_HEAD, architecture, check_checkpoint, read_config
from gd2po.rewards.models.files.score_head import check_layout, converted_config, renamed, unused
from gd2po.rewards.models.files.weights import SINGLE, index_of, read_weights, weight_files
from gd2po.rewards.models.prompts import load_tokenizer

if TYPE_CHECKING:
    import torch

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".gguf", ".index.json")
_TEMPLATES = "additional_chat_templates"
_CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What a conversion has done.

    Attributes:
        was, architecture: The architecture before and after.
        rewritten, linked, copied: Weight files written anew, hard-linked, and copied where no link can be made.
        kept: Other files that were copied: tokenizer, template, generation settings.
        dropped: Tensors that no score depends on.
        left_out: Files and folders that were not copied.
    """

    was: str
    architecture: str
    rewritten: tuple[str, ...]
    linked: tuple[str, ...]
    copied: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    left_out: tuple[str, ...]


def convert(source: str | Path, destination: str | Path, head: str = SCORE_HEAD) -> ConversionReport:
    """Convert a checkpoint; the destination is whole or absent.

    Of safetensors, only files with the head or with unused tensors are written anew. The others are hard links, so
    change the weights of neither folder in place. PyTorch's ``.bin`` files all become safetensors. Weights are mapped
    from disk and written file by file.

    Args:
        source: The folder of the checkpoint; only read.
        destination: The folder to make.
        head: The name of the weight of its head, where a layout differs only in that from the one of SafeRLHF: one
            linear layer, read at the last token.

    Raises:
        RewardModelError: The destination exists, or the source cannot be converted, see
            :func:`gd2po.rewards.models.files.score_head.check_layout`.
    """
    source, destination = Path(source).expanduser(), Path(destination).expanduser()
    if destination.exists():
        raise RewardModelError(f"{destination} exists already; name another folder, or remove it")
    if not source.is_dir():
        raise RewardModelError(f"{source} is no folder; download the checkpoint and name its folder")
    check_whole(source, "scalar")
    config = read_config(source)
    weights = {file: read_weights(file) for file in weight_files(source)}
    all_tensors = {name: tensor for tensors in weights.values() for name, tensor in tensors.items()}
    check_layout(source, config, all_tensors, head)
    if config.get("pad_token_id") is None:
        config["pad_token_id"] = load_tokenizer(str(source)).pad_token_id
    destination.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=destination.parent) as scratch:
        unfinished = Path(scratch, "model")
        unfinished.mkdir()
        report = _write(source, unfinished, config, weights, head)
        check_checkpoint(unfinished, "scalar")
        unfinished.rename(destination)
    return report


def _write(
    source: Path,
    made: Path,
    config: Mapping[str, Any],
    weights: "Mapping[Path, Mapping[str, torch.Tensor]]",
    head: str,
) -> ConversionReport:
    converted = converted_config(config)
    _write_json(made / _CONFIG, converted)
    done = {file: _write_weights(file, tensors, made, head) for file, tensors in weights.items()}
    _write_index(made, {_target(file).name: renamed(tensors, head) for file, tensors in weights.items()})
    kept, left_out = _copy_rest(source, made, weights)
    rewritten, linked, copied = (
        tuple(_target(file).name for file, way in done.items() if way == kind)
        for kind in ("rewritten", "linked", "copied")
    )
    return ConversionReport(
        was=architecture(config),
        architecture=architecture(converted),
        rewritten=rewritten,
        linked=linked,
        copied=copied,
        kept=kept,
        dropped=tuple(name for tensors in weights.values() for name in unused(tensors, head)),
        left_out=left_out,
    )


def _target(file: Path) -> Path:
    """The name of a weight file in safetensors."""
    return Path(file.stem.replace(Path(SINGLE[1]).stem, Path(SINGLE[0]).stem) + Path(SINGLE[0]).suffix)


def _write_weights(file: Path, tensors: "Mapping[str, torch.Tensor]", made: Path, head: str) -> str:
    """What was done with the file."""
    from safetensors.torch import save_file

    destination = made / _target(file)
    new = renamed(tensors, head)
    if file.suffix == destination.suffix and list(new) == list(tensors):
        return _link(file, destination)
    if not new:
        return "empty"
    save_file({name: tensor.contiguous() for name, tensor in new.items()}, destination, metadata={"format": "pt"})
    return "rewritten"


def _link(file: Path, destination: Path) -> str:
    try:
        os.link(file.resolve(), destination)  # the target of a symbolic link, as in the hub's cache
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, destination)
        return "copied"
    return "linked"


def _write_index(made: Path, files: "Mapping[str, Mapping[str, torch.Tensor]]") -> None:
    if list(files) == [SINGLE[0]]:
        return
    weight_map = {tensor: name for name, tensors in files.items() for tensor in tensors}
    size = sum(tensor.nbytes for tensors in files.values() for tensor in tensors.values())
    _write_json(made / index_of(SINGLE[0]), {"metadata": {"total_size": size}, "weight_map": weight_map})


def _copy_rest(source: Path, made: Path, weights: Mapping[Path, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the other files that were copied, and of those that were not."""
    kept, left_out = [], []
    replaced = {file.name for file in weights} | {_CONFIG} | {index_of(single) for single in SINGLE}
    for path in sorted(source.iterdir()):
        if path.name in replaced:
            continue
        if path.is_file() and not path.name.endswith(_WEIGHTS):
            shutil.copy(path, made)
            kept.append(path.name)
        elif path.name == _TEMPLATES:
            shutil.copytree(path, made / path.name)
            kept.append(path.name)
        else:
            left_out.append(path.name)
    return tuple(kept), tuple(left_out)


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
