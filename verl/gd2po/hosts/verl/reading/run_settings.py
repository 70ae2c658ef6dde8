"""From verl's Hydra configuration to :class:`gd2po.settings.Settings`, and the refusals that need all of it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gd2po.advantages import estimator_names
from gd2po.errors import SettingsError, nearest
from gd2po.hosts.verl.reading.filter_groups import cautions_about_groups, check_filter_groups
from gd2po.plugins import load_plugins
from gd2po.settings import Settings

VERLS_OWN = "grpo"
"""The estimator whose advantages verl computes itself; we only report."""

HARD_FILTER_REWARDS = 4
"""From this many rewards on, independent rewards leave Hard less than one rollout in eight (2^(1-K))."""


def is_ours(config: DictConfig) -> bool:
    """Whether a run is this plug-in's: its configuration names our settings, named rewards, or our estimators."""
    algorithm = config.get("algorithm") or {}  # verl's evaluation has none
    declared = algorithm.get("gd2po") or algorithm.get("gdpo_reward_keys") or algorithm.get("gdpo_reward_weights")
    return bool(declared) or str(algorithm.get("adv_estimator")) in _multi_reward_estimators()


def settings_of(config: DictConfig) -> Settings | None:
    """The settings of a run, or None where this plug-in has nothing to do.

    ``gdpo``, ``gd2po`` and estimators of plug-ins are always ours; ``grpo`` is when ``algorithm.gd2po`` (or verl's
    ``gdpo_reward_keys``) names rewards to report on. verl's ``gdpo_reward_keys`` and ``gdpo_reward_weights`` are
    understood.

    Raises:
        SettingsError: naming the key, what was found, what was expected and the remedy.
    """
    if not is_ours(config):
        return None
    algorithm = config.algorithm
    estimator = str(algorithm.adv_estimator)
    block = _block(algorithm)
    load_plugins(block.get("plugins", ()))
    if block and estimator not in estimator_names():
        raise SettingsError(
            f"algorithm.gd2po is set, but algorithm.adv_estimator is {estimator!r}, which reads none of it; "
            f"choose one of {', '.join(estimator_names())} or remove algorithm.gd2po"
        )
    by_std = bool(algorithm.get("norm_adv_by_std_in_grpo", True))
    if estimator == VERLS_OWN and block.get("norm_by_std", by_std) != by_std:
        raise SettingsError(
            f"algorithm.gd2po.norm_by_std is {block['norm_by_std']}, but grpo runs as verl has it, with "
            f"algorithm.norm_adv_by_std_in_grpo={by_std}; set that one"
        )
    return Settings.parse({"norm_by_std": by_std, **block, "estimator": estimator})


def _multi_reward_estimators() -> set[str]:
    return set(estimator_names()) - {VERLS_OWN}


def _block(algorithm: DictConfig) -> dict[str, Any]:
    """``algorithm.gd2po`` as a plain dict, with verl's own gdpo keys turned into it where only they are given."""
    block = algorithm.get("gd2po")
    plain: dict[str, Any] = OmegaConf.to_container(block, resolve=True) if block is not None else {}  # type: ignore[assignment]
    names, weights = algorithm.get("gdpo_reward_keys"), algorithm.get("gdpo_reward_weights")
    if not names:
        if weights:
            raise SettingsError("algorithm.gdpo_reward_weights is set without algorithm.gdpo_reward_keys; name both")
        return plain
    if "rewards" in plain:
        raise SettingsError(
            "both algorithm.gd2po.rewards and algorithm.gdpo_reward_keys name rewards; keep algorithm.gd2po.rewards"
        )
    if len(set(names)) != len(names):
        raise SettingsError(f"algorithm.gdpo_reward_keys names a reward twice: {list(names)}; name each once")
    if weights is not None and len(weights) != len(names):
        raise SettingsError(
            f"algorithm.gdpo_reward_weights has {len(weights)} values for {len(names)} rewards {list(names)}; "
            "give one weight per reward, or use algorithm.gd2po.rewards, where each weight stands beside its name"
        )
    if weights is None:
        return {**plain, "rewards": {name: {} for name in names}}
    return {**plain, "rewards": {name: {"weight": weight} for name, weight in zip(names, weights, strict=True)}}


def check_run(config: DictConfig) -> Settings | None:
    """Refuse, before Ray starts, what cannot work.

    Args:
        config: verl's composed configuration.

    Returns:
        The resolved settings, or None where this plug-in has nothing to do.

    Raises:
        SettingsError: the first problem found, with its remedy.
    """
    settings = settings_of(config)
    if settings is None:
        return None
    rollouts = config.actor_rollout_ref.rollout.n
    if rollouts < 2:
        raise SettingsError(
            f"actor_rollout_ref.rollout.n is {rollouts}; {settings.estimator} compares the rollouts of one prompt, "
            "so it needs at least 2 (4 to 16 are usual)"
        )
    if not config.trainer.get("use_v1", True):
        raise SettingsError(
            f"trainer.use_v1 is false, but {settings.estimator} with named rewards runs on verl's V1 trainer only; "
            "set trainer.use_v1=true"
        )
    if config.algorithm.use_kl_in_reward and settings.estimator != VERLS_OWN:
        raise SettingsError(
            f"algorithm.use_kl_in_reward is true, but {settings.estimator} normalises each named reward by itself, so "
            "a penalty added to their sum would be lost; set it to false and use actor_rollout_ref.actor.use_kl_loss"
        )
    check_filter_groups(config, settings)
    _check_names(config, settings)
    return settings


def _check_names(config: DictConfig, settings: Settings) -> None:
    """Compare declared names with those the reward function says it returns (``@returns_rewards``), if it does."""
    returned = _returned_by_reward_function(config)
    if returned is None:
        return
    for name, reward in settings.rewards.items():
        if reward.model is not None and name in returned:
            raise SettingsError(
                f"algorithm.gd2po.rewards.{name} has a model, and the reward function "
                f"{config.reward.custom_reward_function.name} returns {name!r} too; give one of them another name"
            )
        if reward.model is None and name not in returned:
            raise SettingsError(
                f"algorithm.gd2po.rewards names {name!r}, but the reward function "
                f"{config.reward.custom_reward_function.name} returns {', '.join(returned)}.{nearest(name, returned)}"
            )


def _returned_by_reward_function(config: DictConfig) -> tuple[str, ...] | None:
    from verl.utils.import_utils import load_extern_object

    function = config.reward.custom_reward_function
    if not function.get("path"):
        return None
    loaded = load_extern_object(module_path=function.path, object_name=function.name)
    return getattr(loaded, "returned_rewards", None)


def cautions(config: DictConfig, settings: Settings) -> Iterator[str]:
    """What runs but is seldom meant; each is said once, at the start."""
    rollouts = config.actor_rollout_ref.rollout.n
    if rollouts == 2:
        yield (
            "rollout.n is 2: every group-normalised reward is 0 or ±0.707, so two conflicting rewards always cancel "
            "exactly and hard and snr filter alike; use n >= 4"
        )
    count = len(settings.rewards)
    if settings.filter and settings.filter.kind == "hard" and count >= HARD_FILTER_REWARDS:
        share = 1 - math.pow(2, 1 - count)
        yield (
            f"filter hard with {count} rewards: if they were independent, {share:.0%} of the rollouts would be masked; "
            "consider filter.kind=snr with a low threshold"
        )
    yield from cautions_about_groups(config, settings)


def caution_about_scores(config: DictConfig, settings: Settings, scores: Mapping[str, Tensor]) -> str | None:
    """What only the scores [S] of a batch can tell: with two binary rewards a high τ is the hard filter.

    Among n rollouts of two binary rewards, the largest |ΣA|/Σ|A| of a rollout in conflict is (n−2)/n.
    """
    rollouts = config.actor_rollout_ref.rollout.n
    limit = (rollouts - 2) / rollouts
    if settings.filter is None or settings.filter.kind != "snr" or settings.filter.options.threshold <= limit:
        return None
    voting = [scores[name] for name, reward in settings.rewards.items() if reward.weight != 0]
    if len(voting) != 2 or any(len(values[~values.isnan()].unique()) > 2 for values in voting):
        return None
    return (
        f"filter snr with threshold {settings.filter.options.threshold}: both rewards take two values only, and with "
        f"rollout.n={rollouts} every threshold above {limit:g} masks what hard masks; lower it to let it differ"
    )
