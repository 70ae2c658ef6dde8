"""Which columns are rewards, and which tell prompt, step, data source and length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gd2po.errors import nearest
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.sources import NUMERIC, Kind

GROUPS = ("uid", "group_id", "group", "prompt_id", "query_id", "question_id", "prompt", "input")
STEPS = ("step", "global_step")
SOURCES = ("data_source", "source", "dataset")
LENGTHS = ("response_length", "response_tokens", "completion_length", "completion_tokens", "output_tokens")
TEXTS = ("output", "completion", "response")
REWARD = "reward/"
NO_REWARDS = {
    *GROUPS,
    *STEPS,
    *SOURCES,
    *LENGTHS,
    *TEXTS,
    *("score", "reward", "total", "total_reward", "advantage", "advantages"),
    *("conflict", "kept", "query_weight"),
    *("id", "idx", "index", "row", "epoch", "seed", "rollout", "rollout_id", "sample_id", "request_id"),
    *("__index_level_0__", ""),
}
"""Names of columns that are no single reward, though they may hold numbers."""


@dataclass(frozen=True)
class ColumnRoles:
    """Columns by what they tell; None where no column does.

    Attributes:
        rewards: Reward → column.
        group: The column that tells the prompt.
        sessions: Whether ``group`` holds verl's ``{prompt}_{session}_{output}``.
        step: The column with the step of the training.
        source: The column with the data source.
        length: The column with the length of the response, in tokens.
        text: The column with the response, whose words are counted where no length is told.
        not_taken: The columns of numbers that are not taken for rewards.
    """

    rewards: dict[str, str]
    group: str
    sessions: bool
    step: str | None
    source: str | None
    length: str | None
    text: str | None
    not_taken: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The columns that have to be read."""
        others = (self.group, self.step, self.source, self.length, self.text)
        return list(dict.fromkeys([*self.rewards.values(), *filter(None, others)]))

    @property
    def lengths_from(self) -> str:
        """The source of a length, in words."""
        if self.length:
            return f"column {self.length}"
        return f"words of {self.text}" if self.text else ""


def find_roles(kinds: Mapping[str, Kind], choice: Choice) -> ColumnRoles:
    """Choose among columns of these kinds.

    Raises:
        CheckError: a chosen column is not there, fewer than two rewards are, or nothing tells the prompt.
    """
    group = choice.group or _first(kinds, GROUPS, (*NUMERIC, "text", "other"))
    if group is None:
        raise CheckError(
            f"no column tells which rollouts are of one prompt: found {_list(kinds)}; expected one of {_list(GROUPS)}, "
            "or name it with --group"
        )
    length = _first(kinds, LENGTHS, NUMERIC)
    named = {option: value for option, value in (("--group", choice.group), ("--source", choice.source)) if value}
    for option, column in named.items():
        _there(column, kinds, option)
    rewards = _named(choice.scores, kinds) if choice.scores else _rewards(kinds, {*named.values()})
    numbers = [name for name, kind in kinds.items() if kind in NUMERIC and name not in (*rewards.values(), group)]
    ours = any(name.startswith(REWARD) for name in kinds)
    if len(rewards) < 2:
        raise CheckError(
            f"{len(rewards)} of the columns {'is a reward' if len(rewards) == 1 else 'are rewards'} "
            f"({_list(rewards)}); expected two or more. "
            f"Other columns of numbers: {_list(numbers)}; name the rewards with --scores a,b"
        )
    return ColumnRoles(
        rewards=rewards,
        group=group,
        sessions=group == "uid" and {"input", "output", "step"} <= kinds.keys(),
        step=_first(kinds, STEPS, NUMERIC),
        source=choice.source or _first(kinds, SOURCES, ("text", "integer")),
        length=length if length not in rewards.values() else None,
        text=_first(kinds, TEXTS, ("text",)),
        not_taken=() if ours else tuple(name for name in numbers if name not in (*STEPS, length)),
    )


def _rewards(kinds: Mapping[str, Kind], taken: set[str]) -> dict[str, str]:
    """Columns ``reward/<name>`` if there are any, as in our dumps; otherwise all numbers but the known others."""
    ours = {name.removeprefix(REWARD): name for name, kind in kinds.items() if name.startswith(REWARD)}
    if ours:
        return ours
    return {
        name: name
        for name, kind in kinds.items()
        if kind in NUMERIC and name.lower() not in NO_REWARDS | taken and not name.startswith("adv/")
    }


def _named(names: Sequence[str], kinds: Mapping[str, Kind]) -> dict[str, str]:
    columns = {name: REWARD + name if REWARD + name in kinds else name for name in names}
    for column in columns.values():
        _there(column, kinds, "--scores")
    return {name.removeprefix(REWARD): column for name, column in columns.items()}


def _there(column: str, kinds: Mapping[str, Kind], option: str) -> None:
    if column not in kinds:
        raise CheckError(f"{option}: no column is called {column!r}.{nearest(column, kinds)}")


def _first(kinds: Mapping[str, Kind], names: Sequence[str], of: Sequence[Kind]) -> str | None:
    return next((name for name in names if kinds.get(name) in of), None)


def _list(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
