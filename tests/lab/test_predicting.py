"""Choices and predicted gains beside what happened."""

import pytest

from gd2po.lab.rules import CHECK


def test_rules_are_judged_in_both_sets(summary):
    for name in ("first", "held out"):
        rules = summary.rules[name]["start"]
        assert rules["always gdpo"].against == (0, 0, 0)
        assert rules["largest summed gain"].shortfall == (0, 0, 0) and rules["largest summed gain"].within == 1
        # Half of the choices of check lose 0.15 against the best, the other half 0.05.
        assert rules[CHECK].shortfall[0] == pytest.approx(0.1, abs=0.02)
        assert rules[f"{CHECK}, gdpo_floored for gdpo_shrunk"].shortfall[0] < rules[CHECK].shortfall[0]
