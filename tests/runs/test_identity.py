"""Settings that may change when a run goes on, alike for every host."""

import pytest

from gd2po.runs.identity import settings_identity

SETTINGS = {
    "estimator": "gd2po",
    "skip_masked": True,
    "rewards": {"a": {"weight": 1.0, "model": {"path": "m", "url": "http://here"}}},
    "guards": {"waits": True},
    "watch": ["length"],
}


@pytest.mark.parametrize(
    "change", [{"guards": {"waits": False}}, {"watch": []}, {"plugins": ["mine"]}, {"reward_timeout": 5}]
)
def test_what_is_not_learned_from_may_change(change):
    assert settings_identity(SETTINGS | change) == settings_identity(SETTINGS)


def test_a_reward_model_may_move_and_may_not_be_another():
    def identity(**change):
        model = SETTINGS["rewards"]["a"]["model"] | change
        return settings_identity(SETTINGS | {"rewards": {"a": {"weight": 1.0, "model": model}}})

    assert identity(url="http://there") == settings_identity(SETTINGS) != identity(path="other")


def test_a_host_may_let_more_change():
    assert "skip_masked" in settings_identity(SETTINGS)
    assert "skip_masked" not in settings_identity(SETTINGS, ["skip_masked"])
