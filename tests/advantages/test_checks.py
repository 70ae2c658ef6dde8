"""Nonsense is refused with its name, what was found and what was expected."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gd2po.advantages import compute_advantages, compute_rollout_advantages
from gd2po.errors import RewardError, SettingsError

GOOD = torch.tensor([1.0, 2.0, 3.0])


def _run(scores: Any = None, **options: Any):
    arguments = {"group_ids": "aab", "response_mask": torch.ones(3, 2), **options}
    return compute_advantages({"help": GOOD, "harm": GOOD} if scores is None else scores, **arguments)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({}, "scores has no rewards"),
        ({"harm": torch.tensor([1.0, math.inf, 0])}, "reward 'harm': row 1 is inf; expected a finite"),
        ({"harm": torch.tensor([1.0, 0, -math.inf])}, "reward 'harm': row 2 is -inf"),
        ({"harm": torch.tensor([1e300, 0, 0], dtype=torch.float64)}, "reward 'harm': row 0 is 1e\\+300"),
        ({"harm": torch.tensor([True, False, True])}, "reward 'harm' has dtype torch.bool"),
        ({"harm": torch.ones(3, 1)}, r"reward 'harm' has shape \(3, 1\): expected \[3\]"),
        ({"harm": torch.ones(2)}, r"reward 'harm' has shape \(2,\): expected \[3\]"),
        ({"harm": [1.0, 2.0, 3.0]}, "reward 'harm' is a list: expected a tensor"),
    ],
)
def test_scores(scores, message):
    with pytest.raises(RewardError, match=message):
        _run(scores)


def test_missing_scores_may_be_an_error():
    nan = math.nan
    with pytest.raises(RewardError, match=r"reward 'harm': 2 rollouts have no score.*the first is row 1"):
        _run({"help": GOOD, "harm": torch.tensor([0, nan, nan])}, missing="error")
    padded = {"help": GOOD, "harm": torch.tensor([0, 1, nan])}
    _run(padded, missing="error", valid=torch.tensor([True, True, False]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"help": 1.0, "harm": 1.0, "helpp": 1.0}, "unknown reward in reward_weights 'helpp'.*'help'"),
        ({"help": 1.0}, "no weight for reward 'harm'"),
        ({"help": 1.0, "harm": math.nan}, "'harm' has weight nan"),
        ({"help": math.inf, "harm": 1.0}, "'help' has weight inf"),
        ({"help": 1.0, "harm": "2"}, "'harm' has weight '2'"),
        ({"help": True, "harm": 1.0}, "'help' has weight True"),
        ({"help": 0.0, "harm": 0}, "all 0"),
    ],
)
def test_weights(weights, message):
    with pytest.raises(SettingsError, match=message):
        _run(reward_weights=weights)


@pytest.mark.parametrize(
    ("directions", "message"),
    [({"harn": "minimize"}, "'harn'.*'harm'"), ({"harm": "minimise"}, "'harm' 'minimise'.*'minimize'")],
)
def test_directions(directions, message):
    with pytest.raises(SettingsError, match=message):
        _run(directions=directions)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(3), r"response_mask has shape \(3,\)"),
        (torch.ones(3, 2, 1), "response_mask has shape"),
        (torch.full((3, 2), 2), r"values in \[2, 2\]"),
        (torch.tensor([[0, 1], [-1, 1], [1, 1]]), r"values in \[-1, 1\]"),
        (torch.full((3, 2), 0.5), "response_mask has values"),
        (torch.full((3, 2), math.nan), "response_mask has values"),
        (torch.ones(4, 2), "has shape|has 3 ids"),
    ],
)
def test_response_mask(mask, message):
    with pytest.raises(ValueError, match=message):
        _run(response_mask=mask)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8, torch.float32, torch.bfloat16, torch.float64])
def test_any_dtype_of_mask_will_do(dtype):
    mask = torch.ones(3, 300).triu(1)
    out = _run(response_mask=mask.to(dtype))
    assert torch.equal(out.advantages, _run(response_mask=mask).advantages)
    assert out.advantages.dtype == torch.float32


@pytest.mark.parametrize("lengths", [[1, -1, 2], [1.0, 0.5, 2], [1.0, math.nan, 2]])
def test_lengths(lengths):
    with pytest.raises(ValueError, match="lengths: row 1 is"):
        compute_rollout_advantages({"help": GOOD}, "aab", torch.tensor(lengths))


def test_lengths_have_one_dimension():
    with pytest.raises(ValueError, match="lengths has shape"):
        compute_rollout_advantages({"help": GOOD}, "aab", torch.ones(3, 2))


@pytest.mark.parametrize("valid", [torch.ones(3), torch.ones(2, dtype=torch.bool)])
def test_valid(valid):
    with pytest.raises(ValueError, match="valid is torch"):
        _run(valid=valid)


def test_inputs_are_left_alone_and_gradients_are_not_followed():
    scores, mask = torch.tensor([1.0, math.nan, 3.0], requires_grad=True), torch.ones(3, 2)
    before = SimpleNamespace(scores=scores.detach().clone(), mask=mask.clone())
    out = _run({"help": scores}, response_mask=mask)
    assert not out.advantages.requires_grad
    assert torch.equal(mask, before.mask)
    torch.testing.assert_close(scores.detach(), before.scores, equal_nan=True)
