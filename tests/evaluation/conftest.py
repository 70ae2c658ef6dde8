"""Shared by the tests of evaluations."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def gold_server() -> ModuleType:
    """The script with the perfect models, ``gold_server.py``, as a module."""
    spec = importlib.util.spec_from_file_location("gold_server", Path(__file__).with_name("gold_server.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
