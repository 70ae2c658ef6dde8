"""Shared by the advantage tests: the loop implementation of the benchmark as an oracle, and one small batch."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from gd2po.advantages.groups import group_rollouts
from gd2po.advantages.normalisation import group_scores
from gd2po.advantages.votes import Votes, cast_votes


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


@pytest.fixture(scope="session")
def votes_of() -> Callable[..., Votes]:
    """Votes of per-reward advantages [K][N], which are their own raw scores; one group, weights 1 if not given."""

    def cast(advantages: Sequence[Sequence[float]], weights: Sequence[float] = (), group_ids: str = "") -> Votes:
        values = torch.tensor(advantages, dtype=torch.float64)
        rewards, rollouts = values.shape
        groups = group_rollouts(group_ids or "q" * rollouts, rollouts, values.device)
        weight = torch.tensor(weights or [1.0] * rewards, dtype=torch.float64)
        scores = group_scores(values, torch.ones_like(values, dtype=torch.bool), groups)
        return cast_votes(values, weight, torch.ones(rollouts, dtype=torch.bool), scores)

    return cast
