"""Weights of rewards that move during a training: schedules by step, and multipliers of constraints.

Knows no trainer and no torch: a trainer asks :meth:`RewardWeights.at` for the weights of a step, tells the mean scores
of the step to :meth:`RewardWeights.update`, and keeps :meth:`RewardWeights.state_dict` with its checkpoint.
"""

import bisect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, WrapValidator
from pydantic_core import PydanticKnownError

from gd2po.defaults import Direction

MULTIPLIER_RATE = 0.1
"""η: by how much a multiplier grows in a step for each unit of the raw score by which the target is missed."""

MULTIPLIER_LIMIT = 10.0
"""The largest multiplier of a constraint; the smallest is 0."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Ramp(BaseModel):
    """A weight that goes from one value to another over the first steps of a training, and stays there.

        w(s) = from + (to − from) · p(x),    x = min(1, (s − 1) / (steps − 1))
        p(x) = x (linear),  (1 − cos πx) / 2 (cosine)

    Attributes:
        start: The weight in step 1; written ``from`` in a configuration.
        to: The weight in step ``steps`` and in all later steps.
        steps: The number of the first step that has the weight ``to``.
        shape: The form of the way between them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    start: Finite = Field(alias="from")
    to: Finite
    steps: int = Field(ge=2)
    shape: Literal["linear", "cosine"] = "linear"

    def at(self, step: int) -> float:
        """The weight in a step; the first step of a training is 1."""
        way = min(1.0, max(0.0, (step - 1) / (self.steps - 1)))
        if self.shape == "cosine":
            way = (1 - math.cos(math.pi * way)) / 2
        return self.to if way == 1 else self.start + (self.to - self.start) * way

    @property
    def final(self) -> float:
        """The weight with which the schedule ends."""
        return self.to

    def turning_points(self) -> Iterator[int]:
        """The steps at which the weight can begin or cease to be 0."""
        yield from (1, self.steps)
        if self.start * self.to < 0:
            way = self.start / (self.start - self.to)
            if self.shape == "cosine":
                way = math.acos(1 - 2 * way) / math.pi
            yield round(1 + way * (self.steps - 1))

    def __str__(self) -> str:
        return f"{self.start:g} → {self.to:g} ({self.shape}, steps 1 to {self.steps})"


class Stairs(BaseModel):
    """A weight that jumps at given steps.

    Attributes:
        at_steps: Step → the weight from that step on; written ``at`` in a configuration. The first step must be 0 or 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    at_steps: dict[Annotated[int, Field(ge=0)], Finite] = Field(alias="at", min_length=1)

    def at(self, step: int) -> float:
        """The weight in a step; the first step of a training is 1."""
        steps = sorted(self.at_steps)
        return self.at_steps[steps[max(0, bisect.bisect_right(steps, step) - 1)]]

    @property
    def final(self) -> float:
        """The weight with which the schedule ends."""
        return self.at_steps[max(self.at_steps)]

    def turning_points(self) -> Iterator[int]:
        """The steps at which the weight can begin or cease to be 0."""
        yield from (max(1, step) for step in self.at_steps)

    def __str__(self) -> str:
        return ", ".join(f"{weight:g} from step {max(1, step)}" for step, weight in sorted(self.at_steps.items()))


Schedule: TypeAlias = Ramp | Stairs

_EXPECTED = (
    "expected a finite number, {from: 0.2, to: 1.0, steps: 100} (with shape: linear or cosine), or "
    "{at: {1: 0.2, 100: 1.0}}"
)
_NUMBER: TypeAdapter[float] = TypeAdapter(Finite)


def _weight(value: Any, _inner: Any) -> Any:
    if isinstance(value, Ramp | Stairs):
        return value
    if isinstance(value, Mapping):
        return _schedule(value)
    try:
        return _NUMBER.validate_python(value)
    except ValidationError as error:
        raise PydanticKnownError(error.errors()[0]["type"]) from None  # type: ignore[arg-type]


def _schedule(value: Mapping[str, Any]) -> Schedule:
    kind = Stairs if "at" in value else Ramp
    try:
        schedule = kind.model_validate(dict(value))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise ValueError(f"found {dict(value)}; {key}: {problem['msg'].lower()}; {_EXPECTED}") from None
    if isinstance(schedule, Stairs) and min(schedule.at_steps) > 1:
        raise ValueError(
            f"found {dict(value)}, which gives no weight before step {min(schedule.at_steps)}; add a weight for step 1"
        )
    return schedule


def _plain(weight: "float | Schedule") -> Any:
    return weight.model_dump(mode="json") if isinstance(weight, Ramp | Stairs) else weight


Weight = Annotated[float | Ramp | Stairs, WrapValidator(_weight), PlainSerializer(_plain)]
"""The type of a setting that is a number or a schedule."""


def weight_at(weight: "float | Schedule", step: int) -> float:
    """The weight in a step of a training, whose first step is 1."""
    return weight.at(step) if isinstance(weight, Ramp | Stairs) else weight


def final_weight(weight: "float | Schedule") -> float:
    """The number itself, or the weight with which the schedule ends."""
    return weight.final if isinstance(weight, Ramp | Stairs) else weight


def silent_step(weights: Mapping[str, "float | Schedule"]) -> int | None:
    """The first step in which all of these weights are 0; None where there is no such step."""
    schedules = [weight for weight in weights.values() if isinstance(weight, Ramp | Stairs)]
    steps = {1, *(step for schedule in schedules for step in schedule.turning_points())}
    silent = (step for step in sorted(steps) if not any(weight_at(weight, step) for weight in weights.values()))
    return next(silent, None)


@dataclass(frozen=True)
class Constraint:
    """A bound on the mean score of a reward, held by a multiplier λ, which is the reward's weight.

        violation = mean − target (minimize: a ceiling),  target − mean (maximize: a floor)
        λ ← min(limit, max(0, λ + rate · v)),    v = sign(violation) · max(0, |violation| − tolerance)

    Attributes:
        target: The ceiling or floor, as a raw score.
        direction: The direction of the reward.
        first: λ in step 1.
        tolerance: The distance from the target within which λ stays as it is, in units of the raw score.
        rate: The growth of λ in a step for each unit of violation.
        limit: The largest λ.
    """

    target: float
    direction: Direction
    first: float
    tolerance: float = 0.0
    rate: float = MULTIPLIER_RATE
    limit: float = MULTIPLIER_LIMIT

    def violation(self, mean: float) -> float:
        """How far a mean score misses the target; below 0 where it keeps it."""
        return mean - self.target if self.direction == "minimize" else self.target - mean

    def __str__(self) -> str:
        bound = "at most" if self.direction == "minimize" else "at least"
        return (
            f"learned, from {self.first:g}, within 0 and {self.limit:g}, so that the mean is {bound} {self.target:g} "
            f"(tolerance {self.tolerance:g}, rate {self.rate:g})"
        )

    def next_multiplier(self, multiplier: float, mean: float) -> float:
        """λ of the next step; unchanged where nothing was scored, so that the mean is NaN."""
        if math.isnan(mean):
            return multiplier
        violation = self.violation(mean)
        change = math.copysign(max(0.0, abs(violation) - self.tolerance), violation)
        return min(self.limit, max(0.0, multiplier + self.rate * change))


class RewardWeights:
    """The weights of a training, step by step.

    The weights of step s depend on the batches before s only: the mean scores of step s make the multipliers of s + 1.
    """

    def __init__(
        self, weights: Mapping[str, "float | Schedule"], constraints: Mapping[str, Constraint] | None = None
    ) -> None:
        """
        Args:
            weights: Reward → number or schedule, for every reward; not read for those with a constraint.
            constraints: Reward → constraint.
        """
        self._weights, self.constraints = dict(weights), dict(constraints or {})
        self._multipliers = {0: {name: constraint.first for name, constraint in self.constraints.items()}}

    @property
    def move(self) -> bool:
        """Whether some weight is not the same in all steps."""
        return bool(self.constraints) or any(isinstance(weight, Ramp | Stairs) for weight in self._weights.values())

    def at(self, step: int) -> dict[str, float]:
        """Reward → weight in a step; the first step is 1."""
        numbers = {name: weight_at(weight, step) for name, weight in self._weights.items()}
        return numbers | self._multipliers_of(step)

    def update(self, step: int, means: Mapping[str, float]) -> dict[str, float]:
        """Make the multipliers of the next step. The same step may be told again, as after an error.

        Args:
            step: The step whose batch was scored.
            means: Reward → mean raw score over the scored rollouts; NaN, or no entry, where none was scored.

        Returns:
            Reward → violation, for the constraints whose reward was scored.
        """
        known = {name: means[name] for name in self.constraints if not math.isnan(means.get(name, math.nan))}
        now = self._multipliers_of(step)
        later = {
            name: constraint.next_multiplier(now[name], known.get(name, math.nan))
            for name, constraint in self.constraints.items()
        }
        self._multipliers = {step: now, step + 1: later}
        return {name: self.constraints[name].violation(mean) for name, mean in known.items()}

    def state_dict(self, step: int) -> dict[str, Any]:
        """What a checkpoint of a step keeps: the step, and the multipliers with which the next one begins."""
        return {"step": step, "multipliers": dict(self._multipliers_of(step + 1))}

    def load_state_dict(self, state: Mapping[str, Any]) -> list[str]:
        """Go on from a state. Schedules need none: they follow from the number of the step.

        A multiplier above the limit of its constraint is cut to it. Multipliers of rewards that have no constraint now
        are left out.

        Returns:
            The constraints that the state does not have; they begin with their first multiplier.
        """
        saved = state["multipliers"]
        multipliers = {
            name: min(constraint.limit, max(0.0, float(saved.get(name, constraint.first))))
            for name, constraint in self.constraints.items()
        }
        self._multipliers = {int(state["step"]) + 1: multipliers}
        return [name for name in self.constraints if name not in saved]

    def _multipliers_of(self, step: int) -> dict[str, float]:
        past = [known for known in self._multipliers if known <= step]
        return self._multipliers[max(past) if past else min(self._multipliers)]
