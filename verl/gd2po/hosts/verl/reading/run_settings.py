"""From verl's Hydra configuration to :class:`gd2po.settings.Settings`, and the refusals that need all of it."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from gd2po.advantages import estimator_names
from gd2po.errors import SettingsError, nearest
from gd2po.hosts.verl.reading.filter_groups import cautions_about_groups, check_filter_groups
from gd2po.hosts.verl.reading.kinds import check_block, check_blocks, check_kinds
from gd2po.hosts.verl.reading.legacy_keys import refuse_legacy_keys
from gd2po.hosts.verl.reading.reward_function import load_reward_function
from gd2po.hosts.verl.reading.unfit_trl import refuse_unfit_trl
from gd2po.hosts.verl.reading.v0_trainer import refuse_what_v0_lacks
from gd2po.plugins import load_plugins
from gd2po.settings import Settings

VERLS_OWN = "grpo"
"""The estimator whose advantages verl computes itself; we only report."""

HARD_FILTER_REWARDS = 4
"""From this many rewards on, independent rewards leave Hard less than one rollout in eight (2^(1-K))."""


def is_ours(config: DictConfig) -> bool:
    """Whether a run is this plug-in's: its configuration names our settings, named rewards, or our estimators."""
    algorithm = config.get("algorithm")  # verl's evaluation has none
    if not isinstance(algorithm, DictConfig):
        return False
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
    with _readable():
        return _settings_of(config) if is_ours(config) else None


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """OmegaConf's errors about a missing or unresolvable value become ours."""
    try:
        yield
    except OmegaConfBaseException as error:
        message, _, _ = str(error).partition("\n")
        raise SettingsError(f"{error.full_key or 'the configuration'} cannot be read: {message}") from None


def _settings_of(config: DictConfig) -> Settings:
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
    centred = {} if by_std else {"norm_by_std": False}
    settings = Settings.parse({**centred, **block, "estimator": estimator})
    if estimator == VERLS_OWN and settings.normalise.kind != ("group_std" if by_std else "group_mean"):
        raise SettingsError(
            f"algorithm.gd2po.normalise is {settings.normalise.kind}, but grpo runs as verl has it, with "
            f"algorithm.norm_adv_by_std_in_grpo={by_std}; remove it, or choose adv_estimator=gdpo or gd2po"
        )
    return settings


def _multi_reward_estimators() -> set[str]:
    return set(estimator_names()) - {VERLS_OWN}


def _block(algorithm: DictConfig) -> dict[str, Any]:
    """``algorithm.gd2po`` as a plain dict, with verl's own gdpo keys turned into it where only they are given."""
    block = algorithm.get("gd2po")
    if block is not None and not isinstance(block, DictConfig):
        raise SettingsError(
            f"algorithm.gd2po is {block!r}; expected settings, such as algorithm.gd2po.rewards={{a: {{}}, b: {{}}}}"
        )
    plain: dict[str, Any] = {} if block is None else OmegaConf.to_container(block, resolve=True)  # type: ignore[assignment]
    names, weights = (_list(algorithm, key) for key in ("gdpo_reward_keys", "gdpo_reward_weights"))
    if not names:
        if weights:
            raise SettingsError("algorithm.gdpo_reward_weights is set without algorithm.gdpo_reward_keys; name both")
        return plain
    if "rewards" in plain:
        raise SettingsError(
            "both algorithm.gd2po.rewards and algorithm.gdpo_reward_keys name rewards; keep algorithm.gd2po.rewards"
        )
    if not all(isinstance(name, str) for name in names):
        raise SettingsError(f"algorithm.gdpo_reward_keys is {names!r}; expected a list of names, such as [a,b]")
    if len(set(names)) != len(names):
        raise SettingsError(f"algorithm.gdpo_reward_keys names a reward twice: {names}; name each once")
    if weights is not None and len(weights) != len(names):
        raise SettingsError(
            f"algorithm.gdpo_reward_weights has {len(weights)} values for {len(names)} rewards {names}; "
            "give one weight per reward, or use algorithm.gd2po.rewards, where each weight stands beside its name"
        )
    if weights is None:
        return {**plain, "rewards": {name: {} for name in names}}
    return {**plain, "rewards": {name: {"weight": weight} for name, weight in zip(names, weights, strict=True)}}


def _list(algorithm: DictConfig, key: str) -> list[Any] | None:
    """One of verl's own keys for several rewards; None where it is not set."""
    value = algorithm.get(key)
    if value is None or OmegaConf.is_list(value):
        return None if value is None else list(value)
    items = value.strip("[]() ").replace(" ", "").split(",") if isinstance(value, str) else [str(value)]
    raise SettingsError(
        f"algorithm.{key} is {value!r}, which is no list; write '+algorithm.{key}=[{','.join(filter(None, items))}]'"
    )


def check_run_blocks(config: DictConfig) -> None:
    """Refuse a run of ours in which a whole block of verl's configuration is replaced by another value.

    Raises:
        SettingsError: naming the key, what was found and what was expected; for ``algorithm`` and its
            ``adv_estimator`` in any run, since they say whose run it is.
    """
    with _readable():
        check_block(config, "algorithm")
        if config.algorithm.adv_estimator is None or is_ours(config):
            check_blocks(config)


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
    with _readable():
        return _check(config, settings)


def _check(config: DictConfig, settings: Settings) -> Settings:
    refuse_unfit_trl()
    check_kinds(config)
    refuse_legacy_keys(config)
    rollouts = config.actor_rollout_ref.rollout.n
    if rollouts < 2:
        raise SettingsError(
            f"actor_rollout_ref.rollout.n is {rollouts}; {settings.estimator} compares the rollouts of one prompt, "
            "so it needs at least 2 (4 to 16 are usual)"
        )
    refuse_what_v0_lacks(config, settings)
    if config.algorithm.use_kl_in_reward and settings.estimator != VERLS_OWN:
        raise SettingsError(
            f"algorithm.use_kl_in_reward is true, but {settings.estimator} normalises each named reward by itself, so "
            "a penalty added to their sum would be lost; set it to false and use actor_rollout_ref.actor.use_kl_loss"
        )
    if settings.estimator == VERLS_OWN and (moving := _moving(settings)):
        raise SettingsError(
            f"algorithm.gd2po.rewards: the weight of {', '.join(moving)} moves, but verl computes the advantages "
            "of grpo from one number, a sum with fixed weights; write numbers, or set algorithm.adv_estimator to gdpo "
            "or gd2po"
        )
    check_filter_groups(config, settings)
    _check_names(config, settings, load_reward_function(config))
    return settings


def _moving(settings: Settings) -> list[str]:
    rewards = settings.rewards.items()
    return [name for name, reward in rewards if reward.constraint or not isinstance(reward.weight, float)]


def _check_names(config: DictConfig, settings: Settings, function: Any) -> None:
    """Compare declared names with those the reward function says it returns (``@returns_rewards``), if it does."""
    returned = getattr(function, "returned_rewards", None)
    if returned is None:
        return
    chosen = config.reward.custom_reward_function.name
    for name, reward in settings.rewards.items():
        if reward.model is not None and name in returned:
            raise SettingsError(
                f"algorithm.gd2po.rewards.{name} has a model, and the reward function {chosen} returns {name!r} too; "
                "give one of them another name"
            )
    by_function = [("rewards", name) for name, reward in settings.rewards.items() if reward.model is None]
    for key, name in (*by_function, *(("watch", name) for name in settings.watch)):
        if name not in returned:
            raise SettingsError(
                f"algorithm.gd2po.{key} names {name!r}, but the reward function {chosen} returns "
                f"{', '.join(returned)}.{nearest(name, returned)}"
            )


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
    voting = [scores[name] for name in settings.voting]
    if len(voting) != 2 or any(len(values[~values.isnan()].unique()) > 2 for values in voting):
        return None
    return (
        f"filter snr with threshold {settings.filter.options.threshold}: both rewards take two values only, and with "
        f"rollout.n={rollouts} every threshold above {limit:g} masks what hard masks; lower it to let it differ"
    )
