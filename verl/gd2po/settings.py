"""The settings under ``algorithm.gd2po``: one schema, validated, with every refusal naming its remedy."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gd2po import defaults
from gd2po.advantages import estimator_names, filter_names
from gd2po.errors import SettingsError, nearest
from gd2po.rewards.models.settings import GuardSettings, ModelSettings

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RewardSettings(_Block):
    """One named reward.

    Attributes:
        weight: multiplies the group-normalised advantage of this reward; negative weights flip its vote.
        direction: ``minimize`` for costs (harm, tokens spent).
        requires: name of another reward → smallest raw score of it at which this reward counts; elsewhere it is 0
            (the conditioned reward of the GDPO paper).
        model: the reward model that gives this score; None where the reward function returns it.
    """

    weight: Finite = defaults.WEIGHT
    direction: defaults.Direction = defaults.DIRECTION
    requires: dict[str, Finite] = {}
    model: ModelSettings | None = None


class FilterSettings(_Block):
    """The conflict filter of GD²PO; ``threshold`` is τ of the SNR filter and ignored by the others."""

    kind: str = defaults.CONFLICT_FILTER
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = defaults.THRESHOLD

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind not in filter_names():
            raise ValueError(f"unknown filter {self.kind!r}.{nearest(self.kind, filter_names())}")
        return self


class GuardSwitches(_Block):
    """Which guards stand around verl's waits, checkpoints and prompts; ``docs/reliability.md`` describes each."""

    checkpoints: bool = True
    engine_end: bool = True
    polling: bool = True
    prompts: bool = True
    queue_answers: bool = True
    waits: bool = True
    weight_transfer: bool = True


class Settings(_Block):
    """What ``algorithm.adv_estimator`` and ``algorithm.gd2po`` say together, resolved."""

    estimator: str
    rewards: dict[str, RewardSettings]
    filter: FilterSettings = FilterSettings()
    reweight: defaults.Reweight = defaults.REWEIGHT
    norm_by_std: bool = defaults.NORM_BY_STD
    whiten: defaults.Whiten = defaults.WHITEN
    missing: defaults.Missing = defaults.MISSING
    skip_masked: defaults.SkipMasked = defaults.SKIP_MASKED
    guards: GuardSwitches = GuardSwitches()

    @classmethod
    def parse(cls, block: Mapping[str, Any]) -> "Settings":
        """Validate a plain mapping.

        Raises:
            SettingsError: naming the key, what was found, what is expected and the nearest known name.
        """
        try:
            return cls.model_validate(block)
        except ValidationError as error:
            raise SettingsError("\n".join(_explain(item) for item in error.errors())) from None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.estimator not in estimator_names():
            raise ValueError(f"unknown estimator {self.estimator!r}.{nearest(self.estimator, estimator_names())}")
        if not self.rewards:
            raise ValueError("no reward is declared; name at least one under algorithm.gd2po.rewards")
        if all(reward.weight == 0 for reward in self.rewards.values()):
            raise ValueError("every reward has weight 0, so nothing would be learned; give one a weight")
        for name, reward in self.rewards.items():
            for other in reward.requires.keys() - self.rewards.keys():
                raise ValueError(
                    f"reward {name!r} requires {other!r}, which is not declared.{nearest(other, self.rewards)}"
                )
        if self.uses_filter and self.filter.kind == "snr" and not self.norm_by_std:
            raise ValueError(
                "the snr filter compares rewards in units of their group's std, but norm_by_std is false, so the "
                "reward of largest scale would decide alone; set norm_by_std: true or filter.kind: hard"
            )
        return self

    @property
    def uses_filter(self) -> bool:
        return self.estimator == "gd2po"

    @property
    def gates(self) -> dict[str, dict[str, float]]:
        """Reward name → its ``requires``, for the rewards that have one."""
        return {name: reward.requires for name, reward in self.rewards.items() if reward.requires}

    def advantage_arguments(self) -> dict[str, Any]:
        """Keyword arguments of :func:`gd2po.advantages.compute_advantages`."""
        return {
            "estimator": self.estimator,
            "conflict_filter": self.filter.kind,
            "threshold": self.filter.threshold,
            "reward_weights": {name: reward.weight for name, reward in self.rewards.items()},
            "directions": {name: reward.direction for name, reward in self.rewards.items()},
            "norm_by_std": self.norm_by_std,
            "whiten": self.whiten,
            "reweight": self.reweight,
            "missing": self.missing,
        }

    def total(self, scores: Mapping[str, float]) -> float:
        """Σ weight·score over the declared rewards that were scored and whose ``requires`` hold; costs count negative.

        Args:
            scores: name → score; NaN, or no entry, where not scored.
        """
        return math.fsum(
            reward.weight * (1.0 if reward.direction == "maximize" else -1.0) * scores[name]
            for name, reward in self.rewards.items()
            if not math.isnan(scores.get(name, math.nan))
            and all(scores.get(other, math.nan) >= least for other, least in reward.requires.items())
        )


def _explain(item: Any) -> str:
    """One pydantic error in the words of this project: key, found, expected, remedy."""
    where = ".".join(["algorithm.gd2po", *(str(part) for part in item["loc"])])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"{where}: {message}"
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown setting.{nearest(str(item['loc'][-1]), _fields_at(item['loc']))}"
    if item["type"] == "missing":
        return f"{where}: missing. {_REMEDIES.get(str(item['loc'][-1]), 'Set it.')}"
    return f"{where}: found {item['input']!r}; {message[0].lower()}{message[1:]}"


_REMEDIES = {"rewards": "Name the rewards your reward function returns, e.g. rewards: {correctness: {weight: 1.0}}."}


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    """Names of the settings beside the one at ``location``, such as ``("rewards", "a", "model", "max_lenght")``."""
    block: type[BaseModel] = Settings
    for part in location[:-1]:
        block = _BLOCKS.get(part, block)
    return list(block.model_fields)


_BLOCKS: dict[Any, type[BaseModel]] = {
    "filter": FilterSettings,
    "rewards": RewardSettings,
    "model": ModelSettings,
    "guard": GuardSettings,
    "guards": GuardSwitches,
}
