"""Settings of named reward models, as a run would have them."""

from typing import Any

import pytest

from gd2po.settings import Settings


def _settings(**models: dict[str, Any]) -> Settings:
    """Reward name → its ``model`` block."""
    rewards = {name: {"model": {"measures": "other", **model}} for name, model in models.items()}
    return Settings.parse({"estimator": "gd2po", "rewards": rewards})


def _model_overrides(name: str, **model: Any) -> list[str]:
    """Hydra overrides that declare a reward with a model."""
    prefix = f"+algorithm.gd2po.rewards.{name}.model"
    return [f"{prefix}.{key}={value}" for key, value in ({"measures": "other"} | model).items()]


@pytest.fixture
def model_settings() -> Any:
    return _settings


@pytest.fixture
def model_overrides() -> Any:
    return _model_overrides
