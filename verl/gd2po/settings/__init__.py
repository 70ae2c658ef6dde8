"""The settings under ``algorithm.gd2po``: one schema, validated, with every refusal naming its remedy."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, SkipValidation, ValidationError, field_validator, model_validator

from gd2po import defaults
from gd2po.advantages.compute import choose_normaliser
from gd2po.advantages.registry import (
    DEFAULT_COMBINATION,
    ESTIMATORS,
    Combination,
    Estimator,
    Filter,
    Normaliser,
    contradiction,
)
from gd2po.errors import SettingsError, nearest
from gd2po.plugins import load_plugins
from gd2po.registry import ChosenMethod, OptionError
from gd2po.rewards.models.settings import GuardSettings, ModelSettings
from gd2po.settings.explanations import explain, explain_option
from gd2po.settings.rewards import Block, RewardSettings, named_rewards
from gd2po.weights import RewardWeights, silent_step

__all__ = ["COMMON", "GuardSwitches", "RewardSettings", "Settings"]


class GuardSwitches(Block):
    """Which guards stand around verl's waits, checkpoints and prompts; ``docs/reliability.md`` describes each."""

    checkpoints: bool = True
    engine_end: bool = True
    polling: bool = True
    prompts: bool = True
    queue_answers: bool = True
    waits: bool = True
    weight_transfer: bool = True


class Settings(Block):
    """What ``algorithm.adv_estimator`` and ``algorithm.gd2po`` say together, resolved.

    Attributes:
        method: The estimator with its options, among them its conflict filter if it has one.
        rewards: The rewards by name.
        plugins: Modules that register methods and rewards, as import paths or paths of files.
        normalise: The normaliser with its options, which makes an advantage of each score.
        missing: What becomes of a rollout without a score on some reward.
        skip_masked: Whether rows without an advantage are left out of the actor's update.
        reward_timeout: The seconds that one call of the reward function may take; None for no limit.
        on_reward_timeout: What becomes of a rollout whose call takes longer: ``error`` ends the run, ``not_scored``
            trains on without these scores.
        guards: The guards around verl that are on.
        watch: The names of scores that are logged beside the rewards and never trained on.
    """

    method: SkipValidation[ChosenMethod[Estimator]]
    rewards: dict[str, RewardSettings]
    plugins: tuple[str, ...] = ()
    normalise: SkipValidation[ChosenMethod[Normaliser]] = Field(default_factory=lambda: choose_normaliser(None, None))
    missing: defaults.Missing = defaults.MISSING
    skip_masked: defaults.SkipMasked = defaults.SKIP_MASKED
    reward_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = defaults.REWARD_TIMEOUT
    on_reward_timeout: defaults.OnTimeout = defaults.ON_REWARD_TIMEOUT
    guards: GuardSwitches = GuardSwitches()
    watch: tuple[str, ...] = ()

    @classmethod
    def parse(cls, block: Mapping[str, Any]) -> "Settings":
        """Validate a plain mapping: the block ``algorithm.gd2po``, with the name of the estimator as ``estimator``.

        The keys beside those of :class:`Settings` and ``norm_by_std``, which is short for the normaliser ``group_std``
        or ``group_mean``, are the options of the estimator. Plug-ins are imported first.

        Raises:
            SettingsError: naming the key, what was found, what is expected and the nearest known name.
        """
        load_plugins(block.get("plugins", ()))
        estimator = block.get("estimator", defaults.ESTIMATOR)
        ESTIMATORS.find(estimator)
        common = {name: value for name, value in block.items() if name in COMMON}
        options = {name: value for name, value in block.items() if name not in (*COMMON, "estimator")}
        common["normalise"] = _normaliser(common.get("normalise"), common.pop("norm_by_std", None))
        try:
            method = ESTIMATORS.configure(estimator, options)
        except OptionError as error:
            raise SettingsError(
                "\n".join(explain_option(*problem, estimator, COMMON) for problem in error.problems)
            ) from None
        try:
            return cls.model_validate({**common, "method": method})
        except ValidationError as error:
            raise SettingsError("\n".join(explain(item, _BLOCKS) for item in error.errors())) from None

    _named = field_validator("rewards", mode="before")(named_rewards)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.rewards:
            raise ValueError("no reward is declared; name at least one under algorithm.gd2po.rewards")
        objectives = {name: reward.weight for name, reward in self.rewards.items() if reward.target is None}
        if not objectives:
            raise ValueError(
                "every reward has a target, so that nothing would be learned once all are kept; give one no target"
            )
        if (step := silent_step(objectives)) is not None:
            where = f" in step {step}" if any(not isinstance(weight, float) for weight in objectives.values()) else ""
            without = " without a target" if len(objectives) < len(self.rewards) else ""
            raise ValueError(
                f"every reward{without} has weight 0{where}, so nothing would be learned; give one a weight"
            )
        for name, reward in self.rewards.items():
            for other in reward.requires.keys() - self.rewards.keys():
                raise ValueError(
                    f"reward {name!r} requires {other!r}, which is not declared.{nearest(other, self.rewards)}"
                )
        for name in self.watch:
            if name in self.rewards:
                raise ValueError(
                    f"watch names {name!r}, which is declared as a reward and so is trained on; remove it from watch, "
                    "or from rewards"
                )
        if reason := contradiction(self.normalise, self.method):
            raise ValueError(reason)
        return self

    @property
    def estimator(self) -> str:
        """The name of the advantage estimator."""
        return self.method.kind

    @property
    def filter(self) -> ChosenMethod[Filter] | None:
        """The conflict filter with its options; None where the estimator has none."""
        return getattr(self.method.options, "filter", None)

    @property
    def combination(self) -> ChosenMethod[Combination] | None:
        """The combination of the votes with its options; None where the estimator has none."""
        return getattr(self.method.options, "combine", None)

    @property
    def uses_filter(self) -> bool:
        """Whether the estimator may leave rollouts out."""
        return self.filter is not None

    @property
    def voting(self) -> tuple[str, ...]:
        """The names of the rewards that can have a weight other than 0 in some step."""
        return tuple(name for name, reward in self.rewards.items() if reward.votes)

    @property
    def gates(self) -> dict[str, dict[str, float]]:
        """Reward name → its ``requires``, for the rewards that have one."""
        return {name: reward.requires for name, reward in self.rewards.items() if reward.requires}

    @property
    def scheduled(self) -> tuple[str, ...]:
        """The names of the rewards whose weight follows a schedule."""
        return tuple(name for name, reward in self.rewards.items() if not isinstance(reward.weight, float))

    def reward_weights(self) -> RewardWeights:
        """The weights of a training with these settings, at its first step."""
        constraints = {name: reward.constraint for name, reward in self.rewards.items()}
        return RewardWeights(
            {name: reward.weight for name, reward in self.rewards.items()},
            {name: constraint for name, constraint in constraints.items() if constraint is not None},
        )

    def moving_weights(self) -> dict[str, str]:
        """Reward → its weight in words; empty where all weights are the same in all steps."""
        if not self.reward_weights().move:
            return {}
        return {
            name: str(
                reward.constraint or (f"{reward.weight:g}" if isinstance(reward.weight, float) else reward.weight)
            )
            for name, reward in self.rewards.items()
        }

    def advantage_arguments(self, weights: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Keyword arguments of :func:`gd2po.advantages.compute_advantages`.

        Args:
            weights: Reward → weight of the step, as :meth:`gd2po.weights.RewardWeights.at` gives them; those of step 1
                if not given.
        """
        return {
            "estimator": self.method,
            "reward_weights": self.reward_weights().at(1) if weights is None else dict(weights),
            "directions": {name: reward.direction for name, reward in self.rewards.items()},
            "normalise": self.normalise,
            "missing": self.missing,
        }

    def resolved(self) -> dict[str, Any]:
        """Everything that holds for the run, as plain data from which :meth:`parse` makes these settings again.

        What earlier releases did not have is left out where it has no effect, so that their checkpoints are continued.
        """
        seldom = ("reward_timeout", "on_reward_timeout", "guards", "watch")
        changed = {name for name in seldom if getattr(self, name) != type(self).model_fields[name].default}
        methods = {"method", "normalise", "plugins"}
        common = self.model_dump(mode="json", exclude={*methods, *seldom}, exclude_none=True)
        common |= self.model_dump(mode="json", include=changed)
        plugins = {"plugins": list(self.plugins)} if self.plugins else {}
        options = self.method.plain_options()
        if self.combination and self.combination.kind == DEFAULT_COMBINATION:
            del options["combine"]
        return {"estimator": self.estimator, **common, **_plain_normaliser(self.normalise), **options, **plugins}

    def total(self, scores: Mapping[str, float]) -> float:
        """Σ weight·score over the declared rewards that were scored and whose ``requires`` hold; costs count negative.

        A weight that moves counts as :attr:`RewardSettings.final_weight`, so that totals of all steps can be compared.

        Args:
            scores: name → score; NaN, or no entry, where not scored.
        """
        return math.fsum(
            reward.final_weight * (1.0 if reward.direction == "maximize" else -1.0) * scores[name]
            for name, reward in self.rewards.items()
            if not math.isnan(scores.get(name, math.nan))
            and all(scores.get(other, math.nan) >= least for other, least in reward.requires.items())
        )


def _normaliser(choice: Any, norm_by_std: Any) -> ChosenMethod[Normaliser]:
    """The normaliser of a block, with errors that name its keys."""
    if norm_by_std is not None and not isinstance(norm_by_std, bool):
        raise SettingsError(f"algorithm.gd2po.norm_by_std: found {norm_by_std!r}; expected true or false")
    try:
        return choose_normaliser(choice, norm_by_std)
    except OptionError as error:
        problems = [(".".join(["algorithm.gd2po.normalise", *path]), text) for path, text in error.problems]
        raise SettingsError("\n".join(f"{where}: {text}" for where, text in problems)) from None
    except SettingsError as error:
        raise SettingsError(f"algorithm.gd2po.normalise: {error}") from None


def _plain_normaliser(normaliser: ChosenMethod[Normaliser]) -> dict[str, Any]:
    """As plain data: the two that every release has under their older key."""
    older = {"group_std": True, "group_mean": False}
    if normaliser.kind in older:
        return {"norm_by_std": older[normaliser.kind]}
    return {"normalise": normaliser.plain()}


COMMON = (*(name for name in Settings.model_fields if name != "method"), "norm_by_std")
"""The keys of ``algorithm.gd2po`` that every estimator understands; the others are options of the estimator."""

_BLOCKS: dict[Any, type[BaseModel]] = {
    None: Settings,
    "rewards": RewardSettings,
    "model": ModelSettings,
    "guard": GuardSettings,
    "guards": GuardSwitches,
}
