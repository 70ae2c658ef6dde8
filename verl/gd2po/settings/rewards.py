"""The settings of one reward, and the block that names the rewards."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gd2po import defaults
from gd2po.rewards.models.settings import ModelSettings
from gd2po.weights import MULTIPLIER_LIMIT, MULTIPLIER_RATE, Constraint, Finite, Weight, final_weight

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Block(BaseModel):
    """A block of settings: what it does not know is refused, and nothing of it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RewardSettings(Block):
    """One named reward.

    Attributes:
        weight: The factor of this reward's group-normalised advantage, as a number or a schedule; a negative weight
            flips its vote. With a ``target`` it is the first multiplier.
        direction: Whether more of the reward is better; ``minimize`` is for costs (harm, tokens spent).
        requires: The name of another reward → the smallest raw score of it at which this reward counts; elsewhere this
            reward is 0 (the conditioned reward of the GDPO paper).
        model: The reward model that gives this score; None where the reward function returns it.
        target: The bound on the mean raw score, a ceiling for ``minimize`` and a floor for ``maximize``: the weight is
            then a multiplier that is learned; None for a reward without a bound.
        tolerance: The distance from the target within which the multiplier stays; None without a target.
        rate: The growth of the multiplier in a step for each unit of violation; None without a target.
        limit: The largest multiplier; None without a target.
    """

    weight: Weight = defaults.WEIGHT
    direction: defaults.Direction = defaults.DIRECTION
    requires: dict[str, Finite] = {}
    model: ModelSettings | None = None
    target: Finite | None = None
    tolerance: NotNegative | None = None
    rate: NotNegative | None = None
    limit: NotNegative | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_a_constraint(cls, block: Any) -> Any:
        if not isinstance(block, Mapping) or block.get("target") is None:
            return block
        return {"tolerance": 0.0, "rate": MULTIPLIER_RATE, "limit": MULTIPLIER_LIMIT, **block}

    @model_validator(mode="after")
    def _constraint_is_whole(self) -> Self:
        given = [name for name in ("tolerance", "rate", "limit") if getattr(self, name) is not None]
        if self.target is None:
            if given:
                raise ValueError(
                    f"{given[0]} is set, but only a reward with a target reads it; set target or remove it"
                )
        elif not isinstance(self.weight, float):
            raise ValueError(
                f"found a schedule as weight ({self.weight}) beside target; with a target the weight is learned, and "
                "weight is its first value: give a number, or remove target"
            )
        elif len(given) < 3 or not 0 <= self.weight <= (self.limit or 0):
            raise ValueError(
                f"found weight {self.weight:g}; with a target it is the first multiplier, from 0 to limit "
                f"({self.limit}), and tolerance, rate and limit are numbers; a cost has direction: minimize, not a "
                "negative weight"
            )
        return self

    @property
    def final_weight(self) -> float:
        """The weight with which a schedule ends; the weight itself, or the first multiplier, where it is a number."""
        return final_weight(self.weight)

    @property
    def votes(self) -> bool:
        """Whether the reward can have a weight other than 0 in some step."""
        return self.weight != 0 or self.target is not None

    @property
    def constraint(self) -> Constraint | None:
        """The bound on the reward's mean score, if it has one."""
        if self.target is None or not isinstance(self.weight, float):
            return None
        return Constraint(
            self.target, self.direction, self.weight, self.tolerance or 0.0, self.rate or 0.0, self.limit or 0.0
        )


def named_rewards(rewards: Any) -> Any:
    """The block ``rewards``, in which ``{a: }`` means the defaults.

    Raises:
        ValueError: It is a list of names, bare weights or another value; with the line to write.
    """
    if isinstance(rewards, list | tuple) and all(isinstance(name, str) for name in rewards):
        raise ValueError(f"found a list; {_write_rewards(dict.fromkeys(rewards, '{}'))}")
    if not isinstance(rewards, Mapping):
        raise ValueError(f"found {rewards!r}; {_write_rewards({'a': '{}', 'b': '{weight: 0.5}'})}")
    for name in rewards:
        if not isinstance(name, str):
            raise ValueError(f"the name {name!r} of a reward is no text; write it in quotes: '{name}'")
    if any(isinstance(value, int | float) for value in rewards.values()):
        lines = {name: _braces(value) for name, value in rewards.items()}
        raise ValueError(f"found a number in place of settings; {_write_rewards(lines)}")
    return {name: {} if value is None else value for name, value in rewards.items()}


def _write_rewards(rewards: Mapping[str, str]) -> str:
    """The line that declares rewards: name → their settings as text."""
    return f"write rewards: {{{', '.join(f'{name}: {text}' for name, text in rewards.items())}}}"


def _braces(value: Any) -> str:
    """The settings of a reward in YAML; a number is taken for its weight."""
    settings = value if isinstance(value, Mapping) else {} if value is None else {"weight": value}
    return f"{{{', '.join(f'{key}: {text}' for key, text in settings.items())}}}"
