"""Advantages of all seeds at once are those of the function that trains, seed by seed."""

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.lab.batched import BatchedMethod
from gd2po.lab.methods import METHODS
from gd2po.lab.policy import TOKENS

SEEDS, GROUPS, SIZE = 4, 5, 4


def scores(kind: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(3, SEEDS, GROUPS * SIZE, generator=generator)
    if kind == "continuous":
        return values
    if kind == "binary":
        return (values > 0.5).float()
    if kind == "ties":
        values[0] = 0.25
        values[:, 1] = 1.0
        values[1, :, : 2 * SIZE] = 0.0
        return values
    return 0.001 * values * torch.tensor([1.0, 1e3, 1e5])[:, None, None]


@pytest.mark.parametrize("kind", ["continuous", "binary", "ties", "scales"])
@pytest.mark.parametrize("name", METHODS)
def test_the_batched_advantages_are_those_of_each_seed(name, kind):
    method, values = METHODS[name], scores(kind)
    weights = (1.0, 0.5, 0.3)
    groups = torch.arange(GROUPS).repeat_interleave(SIZE)
    batched = BatchedMethod(method, torch.tensor(weights), groups, TOKENS)(values)
    mask = torch.ones(GROUPS * SIZE, TOKENS)
    options = {key: value for key, value in method.settings.items() if key not in ("filter", "normalise")}
    for seed in range(SEEDS):
        single = compute_advantages(
            dict(zip("abc", values[:, seed], strict=True)),
            groups,
            mask,
            conflict_filter=method.settings.get("filter"),
            normalise=method.settings.get("normalise"),
            reward_weights=dict(zip("abc", weights, strict=True)),
            **options,
        )
        torch.testing.assert_close(batched.advantages[seed].float(), single.advantages[:, 0], atol=1e-6, rtol=1e-6)
        assert batched.kept[seed].tolist() == single.kept.tolist()
