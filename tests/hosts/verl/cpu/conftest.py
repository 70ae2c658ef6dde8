"""The engine and the requests of tests/decoding, and the small model as a folder."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_spec = importlib.util.spec_from_file_location("decoding", Path(__file__).parents[3] / "decoding" / "conftest.py")
assert _spec and _spec.loader
_decoding = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_decoding)

in_one_thread, model = _decoding.in_one_thread, _decoding.model
engine, ask, run = _decoding.engine, _decoding.ask, _decoding.run


@pytest.fixture(scope="session")
def model_path(
    tmp_path_factory: pytest.TempPathFactory, build_model: Callable[[int], Any], byte_tokenizer: Any
) -> Path:
    """The model as a Hugging Face folder, with its tokenizer."""
    path = tmp_path_factory.mktemp("tiny") / "model"
    build_model(0).save_pretrained(path)
    byte_tokenizer.save_pretrained(path)
    return path
