"""The model and the software from which a result came."""

import hashlib
import json
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gd2po.files import write_whole
from gd2po.versions import installed

_MODEL_FILES = re.compile(r".+\.(safetensors|bin|json|jinja|model|tiktoken|py)|merges\.txt|vocab\.txt")
_STEP = re.compile(r"global_step_\d+|checkpoint-\d+")


def model_name(model: str) -> str:
    """The name of a model in tables and folders: the last part of its path or hub name.

    A checkpoint of verl or TRL, and a folder inside one, is named by run and step, since its last part says nothing.
    """
    parts = Path(model).parts
    for place, part in enumerate(parts):
        if place and _STEP.fullmatch(part):
            return f"{parts[place - 1]}-{part}"
    return parts[-1] if parts else model


def versions() -> dict[str, str]:
    """Versions of gd2po and Python, for the record of every result."""
    return installed("gd2po") | {"python": platform.python_version()}


def hash_model(folder: Path, cache: Path | None = None) -> str:
    """The sha256 over the names and sha256 sums of a model's files: weights, configuration, tokenizer.

    Equal for copies of a model, wherever they lie; a README beside them does not count.

    Args:
        folder: The folder of a Hugging Face model; it is never written to.
        cache: A JSON file that remembers the sum of each file by its path, size and time of change, so that gigabytes
            are read once. Keep it with the results.
    """
    known = _read_cache(cache)
    sums = {path.name: _sum(path, known) for path in _model_files(folder)}
    if cache is not None:
        _write_cache(cache, known)
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def _model_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and _MODEL_FILES.fullmatch(path.name):
            yield path


def _sum(path: Path, known: dict[str, Any]) -> str:
    state = path.stat()
    current = {"size": state.st_size, "changed": state.st_mtime_ns}
    entry = known.get(str(path.resolve()), {})
    if entry.items() >= current.items() and "sha256" in entry:
        return str(entry["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known[str(path.resolve())] = current | {"sha256": digest}
    return digest


def _read_cache(cache: Path | None) -> dict[str, Any]:
    if cache is None or not cache.is_file():
        return {}
    return dict(json.loads(cache.read_text(encoding="utf-8")))


def _write_cache(cache: Path, known: dict[str, Any]) -> None:
    write_whole(cache, json.dumps(known, indent=2) + "\n")
