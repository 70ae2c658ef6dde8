"""Shared by the advantage tests: the loop implementation of the benchmark as an oracle, and one small batch."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import torch
from torch import Tensor


class WorkedExample(NamedTuple):
    """Three groups of four with two rewards."""

    scores: dict[str, Tensor]
    group_ids: str
    mask: Tensor


@pytest.fixture(scope="session")
def loops() -> ModuleType:
    """`benchmarks/loops.py`, which was written independently of the package."""
    path = Path(__file__).parents[2] / "benchmarks" / "loops.py"
    spec = importlib.util.spec_from_file_location("benchmark_loops", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example() -> WorkedExample:
    lengths = torch.tensor([3, 5, 2, 6, 4, 4, 4, 4, 2, 3, 4, 5])
    return WorkedExample(
        scores={
            "correctness": torch.tensor([3.0, 1, -3, 3, 3, 3, 3, 3, -3, -3, 1, 2]),
            "length": torch.tensor([0.1, 0.5, 0.2, 0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.1, 0.1]),
        },
        group_ids="aaaabbbbcccc",
        mask=torch.arange(6) < lengths[:, None],
    )
