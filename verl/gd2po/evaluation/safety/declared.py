"""The rewards of an evaluation, from the configuration of a training."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError, nearest
from gd2po.evaluation.provenance import hash_model
from gd2po.rewards.models.settings import ModelSettings
from gd2po.settings import RewardSettings, Settings

_READ = ("kind", "guard", "template", "prompt", "max_length", "truncation")
"""The settings of a model that change its scores."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """The rewards of an evaluation.

    Attributes:
        models: The rewards that a model gives, by name.
        left_out: The names of the other rewards.
    """

    models: Mapping[str, RewardSettings]
    left_out: tuple[str, ...] = ()


def read_rewards(file: Path, paths: Iterable[str] = ()) -> Rewards:
    """Read ``name: {direction, model: …}`` at the top of a YAML or JSON file, under ``rewards`` or ``algorithm.gd2po``.

    So a run's ``gd2po_settings.json`` serves, and a Hydra file of rewards without interpolations.

    Args:
        file: The YAML or JSON file.
        paths: Texts ``name=PATH``, which replace the path of that reward's model.

    Raises:
        SettingsError: The file holds no rewards, or wrong ones; no reward has a model; or a path is still missing.
    """
    block = _with_paths(_rewards(file), paths)
    rewards = Settings.parse({"estimator": "grpo", "rewards": block}).rewards
    models = {name: reward for name, reward in rewards.items() if reward.model}
    if not models:
        raise SettingsError(f"{file}: none of the rewards {', '.join(rewards)} has a model, so nothing could score")
    for name, reward in models.items():
        _check_path(file, name, model_of(reward).path)
    return Rewards(models, tuple(name for name in rewards if name not in models))


def model_of(reward: RewardSettings) -> ModelSettings:
    """The settings of a reward's model, as an evaluation uses them: without a ``url`` it is served in this process."""
    assert reward.model is not None, "rewards without a model are left out"
    return reward.model if reward.model.url else reward.model.model_copy(update={"engine": None})


def describe(reward: RewardSettings, cache: Path) -> dict[str, Any]:
    """The facts that decide the scores: a hash of the model's files (on the hub: its name), and its settings.

    Args:
        reward: A reward with a model.
        cache: See :func:`gd2po.evaluation.provenance.hash_model`.
    """
    model = model_of(reward)
    folder, template = Path(model.path).expanduser(), Path(model.template).expanduser()
    facts = {name: value for name, value in model.model_dump(mode="json").items() if name in _READ}
    facts["model"] = hash_model(folder, cache) if folder.is_dir() else model.path
    if template.is_file():
        facts["template"] = template.read_text(encoding="utf-8")
    return facts


def identity(reward: RewardSettings, cache: Path) -> str:
    """SHA-256 over :func:`describe` and the direction, by which scores are compared."""
    facts = describe(reward, cache) | {"direction": reward.direction}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _rewards(file: Path) -> dict[str, Any]:
    import yaml

    if not file.is_file():
        raise SettingsError(f"{file}: there is no such file; expected one that names reward models")
    try:
        block = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is neither YAML nor JSON: {error}") from error
    for key in ("algorithm", "gd2po", "rewards"):
        if isinstance(block, dict) and isinstance(block.get(key), dict):
            block = block[key]
    if not isinstance(block, dict) or not all(isinstance(reward, dict) for reward in block.values()):
        raise SettingsError(
            f"{file} holds no rewards; expected name: {{direction: …, model: {{path: …, measures: …}}}}, at the top, "
            "under rewards or under algorithm.gd2po.rewards"
        )
    return block


def _with_paths(rewards: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    named = dict(rewards)
    for text in paths:
        name, _, path = text.partition("=")
        if name not in named or not path:
            raise SettingsError(f"{text!r} names no reward's path; expected NAME=PATH.{nearest(name, named)}")
        named[name] = {**named[name], "model": {**(named[name].get("model") or {}), "path": path}}
    return named


def _check_path(file: Path, name: str, path: str) -> None:
    if path == "???" or "${" in path:
        raise SettingsError(f"{file}: the path of reward {name!r} is {path!r}; name it with --reward-path {name}=PATH")
