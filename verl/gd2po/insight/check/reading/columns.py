"""Which columns are rewards, and which tell prompt, step, data source and length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gd2po.errors import nearest
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.names import ADVANTAGE, GROUPS, REWARD, WEIGHT, plain
from gd2po.insight.check.reading.reward_columns import find_rewards, too_few
from gd2po.insight.check.reading.run_settings import RunSettings
from gd2po.insight.check.reading.sampled import Prompts, Sampled
from gd2po.insight.check.reading.sources import NUMERIC, Kind, first_of

SOURCES = ("data_source", "source", "dataset")
LENGTHS = ("response_length", "response_tokens", "completion_length", "completion_tokens", "output_tokens")
TEXTS = ("output", "completion", "response", "completions", "responses", "outputs")


@dataclass(frozen=True)
class ColumnRoles:
    """Columns by what they tell; None where no column does.

    Attributes:
        rewards: Reward → column.
        group: The column that tells the prompt.
        sessions: Whether ``group`` holds verl's ``{prompt}_{session}_{output}``.
        step: The column with the step of the training.
        file_steps: File → the step in its name, where no column tells it.
        source: The column with the data source.
        length: The column with the length of the response, in tokens.
        text: The column with the response, whose words are counted where no length is told.
        weights: Reward → column with its weight in the step, for the rewards that have one.
        not_taken: The columns of numbers that are not taken for rewards.
        notes: What was guessed, with the line that says it outright, and what was left out, in sentences.
    """

    rewards: dict[str, str]
    group: str
    sessions: bool
    step: str | None
    file_steps: dict[str, int]
    source: str | None
    length: str | None
    text: str | None
    weights: dict[str, str]
    not_taken: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The columns that have to be read."""
        others = (self.group, self.step, self.source, self.length, self.text)
        return list(dict.fromkeys([*self.rewards.values(), *self.weights.values(), *filter(None, others)]))

    @property
    def lengths_from(self) -> str:
        """The source of a length, in words."""
        if self.length:
            return f"column {self.length}"
        return f"words of {self.text}" if self.text else ""


def find_roles(sources: Sequence[FlatSource], choice: Choice, settings: RunSettings) -> ColumnRoles:
    """Choose among the columns of these files.

    Raises:
        CheckError: a chosen column is not there, nothing tells the prompt, or which columns are rewards is not sure.
    """
    sampled = Sampled(sources)
    kinds = sampled.kinds
    length = sampled.first(LENGTHS, NUMERIC)
    source = _resolved(choice.source, kinds, "--source") or sampled.first(SOURCES, ("text", "integer"))
    text = sampled.first(TEXTS, ("text", *NUMERIC))
    groups = _groups(sampled, choice)
    prompts = _prompts(sampled, groups)
    notes: list[str] = []
    if passed := groups[: groups.index(prompts.column)]:
        notes.append(
            f"{prompts.column} tells the prompt, since {', '.join(passed)} {'is' if len(passed) == 1 else 'are'} the "
            "same in all rows or different in each; --group names another"
        )
    rewards = _declared_rewards(kinds, choice, settings)
    not_taken: dict[str, str] = {}
    if not rewards:
        taken = {name for name in (*groups, sampled.step, length, source, text) if name}
        rewards, not_taken, said = find_rewards(sampled, prompts, taken)
        notes += said
    if len(rewards) < 2:
        roles = (*rewards.values(), prompts.column)
        numbers = [name for name, kind in kinds.items() if kind in NUMERIC and name not in roles]
        raise CheckError(
            f"{too_few(rewards)}. Other columns of numbers: {first_of(numbers) or 'none'}; "
            "name the rewards with --scores a,b"
        )
    return ColumnRoles(
        rewards=rewards,
        group=prompts.column,
        sessions=prompts.sessions,
        step=sampled.step,
        file_steps=sampled.file_steps,
        source=source,
        length=length if length not in rewards.values() else None,
        text=text,
        weights={name: WEIGHT + name for name in rewards if WEIGHT + name in kinds},
        not_taken=tuple(not_taken),
        notes=(*notes, *sampled.notes(rewards, prompts.column)),
    )


def _groups(sampled: Sampled, choice: Choice) -> list[str]:
    """The columns that may tell the prompt, the likelier ones first."""
    named = _resolved(choice.group, sampled.kinds, "--group")
    columns = [named] if named else [sampled.first([name], (*NUMERIC, "text", "other")) for name in GROUPS]
    groups = list(dict.fromkeys(filter(None, columns)))
    if not groups:
        raise CheckError(
            f"no column tells which rollouts are of one prompt: found {first_of(sampled.kinds) or 'none'}; "
            f"expected one of {first_of(GROUPS)}, or name it with --group"
        )
    return groups


def _prompts(sampled: Sampled, groups: Sequence[str]) -> Prompts:
    """The groups by the first of these columns that tells groups, or else by the first of them."""
    text = "input" if "input" in sampled.kinds else None
    in_our_dump = any(name.startswith(ADVANTAGE) for name in sampled.kinds)
    several = [sampled.prompts(column, text, in_our_dump) for column in groups]
    return next((prompts for prompts in several if prompts.sessions or prompts.tell_groups), several[0])


def _declared_rewards(kinds: Mapping[str, Kind], choice: Choice, settings: RunSettings) -> dict[str, str]:
    """Reward → column, where the user, a dump of this plug-in or the settings of the run say so; empty elsewhere."""
    if choice.scores:
        return {name.removeprefix(REWARD): _column_of(name, kinds) for name in choice.scores}
    if ours := {name.removeprefix(REWARD): name for name in kinds if name.startswith(REWARD)}:
        return ours
    declared = [name for name in settings.rewards if kinds.get(name) in NUMERIC]
    return {name: name for name in declared} if len(declared) > 1 else {}


def _column_of(name: str, kinds: Mapping[str, Kind]) -> str:
    """The column of a reward that the user has named."""
    ends = [column for column in kinds if column.endswith((f".{name}", f"/{name}"))]
    column = _alike(REWARD + name, kinds) or _alike(name, kinds) or (ends[0] if len(ends) == 1 else None)
    if column is None:
        raise _no_column(name, kinds, "--scores")
    return column


def _resolved(name: str | None, kinds: Mapping[str, Kind], option: str) -> str | None:
    """The column that an option names, whatever the case; None where the option is not given."""
    if name is not None and _alike(name, kinds) is None:
        raise _no_column(name, kinds, option)
    return None if name is None else _alike(name, kinds)


def _alike(name: str, kinds: Mapping[str, Kind]) -> str | None:
    """The column of this name, whatever the case; None if there is none, or several."""
    alike = [name] if name in kinds else [column for column in kinds if plain(column) == plain(name)]
    return alike[0] if len(alike) == 1 else None


def _no_column(name: str, kinds: Mapping[str, Kind], option: str) -> CheckError:
    return CheckError(f"{option}: no column is called {name!r}.{nearest(name, kinds)}")
