"""How choices fall short of the best candidate."""

import numpy as np
import pytest

from gd2po.lab.rules import shortfalls, within_noise


def test_within_noise_of_the_best():
    best = np.array([0.5, 0.6, 0.7, 0.6])
    assert within_noise(best, best) and within_noise(best + np.array([0.02, -0.02, 0.01, -0.02]), best)
    assert not within_noise(best - 0.1, best)
    assert shortfalls(["a", "b"], {"a": best, "b": best - 0.1}) == pytest.approx((0.05, 0.5))
