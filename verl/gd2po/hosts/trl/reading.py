"""The settings of a run in TRL: the block of ``algorithm.gd2po``, and the refusals that need TRL's arguments."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml

from gd2po.errors import SettingsError
from gd2po.settings import Settings

_OURS: Mapping[str, str] = {
    "reward_weights": "the weights of algorithm.gd2po.rewards win; set weight there",
    "multi_objective_aggregation": "the estimator of algorithm.gd2po wins; set estimator: grpo, gdpo or gd2po there",
    "scale_rewards": "the normalisation of algorithm.gd2po wins; set norm_by_std: false there to centre only",
}
"""Field of ``GRPOConfig`` → what wins, and what to do instead."""


def read_settings(settings: Settings | Mapping[str, Any] | str | Path) -> Settings:
    """The settings of a run.

    Args:
        settings: The block that stands under ``algorithm.gd2po`` in verl, with the name of the estimator as
            ``estimator``; a YAML or JSON file with that block, or with ``algorithm.gd2po`` and
            ``algorithm.adv_estimator`` as in verl; or settings that are read already.

    Raises:
        SettingsError: naming the key, what was found, what is expected and the remedy.
    """
    if isinstance(settings, Settings):
        return settings
    if isinstance(settings, str | Path):
        return Settings.parse(_block(_read_file(Path(settings)), str(settings)))
    return Settings.parse(_block(settings, "settings"))


def _read_file(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} is not there; expected a YAML file with the settings of gd2po") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {error}") from None


def _block(settings: Any, name: str) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise SettingsError(f"{name} holds {type(settings).__name__}; expected a mapping such as rewards: {{...}}")
    if "algorithm" not in settings:
        return dict(settings)
    algorithm = settings["algorithm"] or {}
    named = {"estimator": algorithm["adv_estimator"]} if "adv_estimator" in algorithm else {}
    return {**(algorithm.get("gd2po") or {}), **named}


def refuse_trl_settings(args: Any) -> None:
    """Refuse settings of TRL that say what the settings of gd2po say too.

    Args:
        args: The ``GRPOConfig`` of the run.

    Raises:
        SettingsError: naming the field, and which of the two wins.
    """
    for field in fields(args):
        if field.name not in _OURS:
            continue
        value, stock = getattr(args, field.name), field.default
        if value != (None if stock is MISSING else stock):
            raise SettingsError(f"GRPOConfig.{field.name} is {value!r}, but {_OURS[field.name]} and remove this one")
