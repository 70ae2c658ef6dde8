"""Gates: zero where the requirement fails, NaN where it was not scored, raw scores throughout."""

import pytest
import torch

from gd2po.errors import SettingsError
from gd2po.rewards.composition import apply_gates

NAN = float("nan")
SCORES = {
    "correctness": torch.tensor([3.0, 2.9, NAN, 3.0, -3.0]),
    "length": torch.tensor([0.5, 0.7, 0.9, NAN, NAN]),
    "format": torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0]),
}


def same(scores: torch.Tensor, expected: list[float]) -> bool:
    return torch.equal(scores.nan_to_num(99), torch.tensor(expected).nan_to_num(99))


def test_a_gate_keeps_zeroes_and_passes_on_what_was_not_scored() -> None:
    gated = apply_gates(SCORES, {"length": {"correctness": 3.0}})
    assert same(gated["length"], [0.5, 0.0, NAN, NAN, NAN])
    assert gated["correctness"] is SCORES["correctness"]
    assert list(gated) == list(SCORES)


def test_all_requirements_must_hold() -> None:
    gated = apply_gates(SCORES, {"length": {"correctness": 0.0, "format": 1.0}})
    assert same(gated["length"], [0.0, 0.7, NAN, NAN, NAN])


def test_gates_read_raw_scores_so_their_order_is_irrelevant() -> None:
    gates = {"correctness": {"format": 1.0}, "length": {"correctness": 3.0}}
    forward, backward = apply_gates(SCORES, gates), apply_gates(SCORES, dict(reversed(gates.items())))
    assert forward["length"][0] == 0.5  # correctness itself was gated to 0 there
    assert forward["correctness"][0] == 0.0
    assert all(same(forward[name], backward[name].tolist()) for name in SCORES)


def test_inputs_stay_as_they_were_and_dtype_is_kept() -> None:
    scores = {name: value.double() for name, value in SCORES.items()}
    before = scores["length"].clone()
    assert apply_gates(scores, {"length": {"correctness": 3.0}})["length"].dtype == torch.float64
    assert torch.equal(scores["length"].nan_to_num(9), before.nan_to_num(9))


def test_an_infinite_score_is_zeroed_not_made_nan() -> None:
    gated = apply_gates({"a": torch.tensor([torch.inf]), "b": torch.tensor([0.0])}, {"a": {"b": 1.0}})
    assert gated["a"].tolist() == [0.0]


@pytest.mark.parametrize("gates", [{"lenght": {"correctness": 3.0}}, {"correctness": {"lenght": 3.0}}])
def test_an_unknown_name_is_refused(gates: dict) -> None:
    with pytest.raises(SettingsError, match=r"'lenght'.*Did you mean 'length'"):
        apply_gates(SCORES, gates)
