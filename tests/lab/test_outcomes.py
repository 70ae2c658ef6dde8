"""Outcomes beside those of the reference method on the same seeds."""

import pytest

from gd2po.lab.outcomes import published_shortfall


def test_a_clear_difference_is_found_and_noise_is_not(summary):
    cells = summary.cells["a"]
    assert (cells["gdpo_floored"].clear, cells["gd2po_hard"].clear) == ("better", "worse")
    assert cells["grpo"].clear == cells["gdpo"].clear == "level"
    assert cells["gdpo_floored"].difference[0] == pytest.approx(0.05, abs=0.02)
    assert cells["gdpo"].difference == (0, 0, 0) and cells["gdpo"].seeds == 12


def test_the_best_published_method_is_chosen_on_other_seeds(summary):
    shortfall = published_shortfall(summary.cells["a"])
    assert shortfall["gd2po_hard"] < -0.07 and shortfall["gdpo_floored"] > 0.02
