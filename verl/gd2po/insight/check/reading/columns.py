"""Which columns are rewards, and which tell prompt, step, data source and length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gd2po.errors import nearest
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.names import ADVANTAGE, GROUPS, REWARD, WEIGHT, find_name, plain
from gd2po.insight.check.reading.reward_columns import find_rewards
from gd2po.insight.check.reading.run_settings import RunSettings
from gd2po.insight.check.reading.sampled import Sampled
from gd2po.insight.check.reading.sources import NUMERIC, Kind, first_of
from gd2po.insight.check.reading.steps import steps_in_names

STEPS = ("step", "global_step", "global_steps", "gen_step", "training_step", "train_step", "trainer_step")
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
    kinds = Sampled.kinds_of(sources)
    step = _first(kinds, STEPS, (*NUMERIC, "text"))
    file_steps = {} if step else steps_in_names([source.name for source in sources])
    length = _first(kinds, LENGTHS, NUMERIC)
    source = _resolved(choice.source, kinds, "--source") or _first(kinds, SOURCES, ("text", "integer"))
    text = _first(kinds, TEXTS, ("text", *NUMERIC))
    groups = _groups(kinds, choice)
    sampled = _sampled(sources, kinds, groups, step, file_steps)
    notes: list[str] = []
    if passed := groups[: groups.index(sampled.group)]:
        notes.append(
            f"{sampled.group} tells the prompt, since {', '.join(passed)} {'is' if len(passed) == 1 else 'are'} the "
            "same in all rows or different in each; --group names another"
        )
    rewards = _declared_rewards(kinds, choice, settings)
    not_taken: dict[str, str] = {}
    if not rewards:
        taken = {name for name in (*groups, step, length, source, text) if name}
        rewards, not_taken, said = find_rewards(sampled, taken)
        notes += said
    _several(rewards, kinds, sampled.group)
    return ColumnRoles(
        rewards=rewards,
        group=sampled.group,
        sessions=sampled.sessions,
        step=step,
        file_steps=file_steps,
        source=source,
        length=length if length not in rewards.values() else None,
        text=text,
        weights={name: WEIGHT + name for name in rewards if WEIGHT + name in kinds},
        not_taken=tuple(not_taken),
        notes=(*notes, *sampled.notes(rewards)),
    )


def _groups(kinds: Mapping[str, Kind], choice: Choice) -> list[str]:
    """The columns that may tell the prompt, the likelier ones first."""
    named = _resolved(choice.group, kinds, "--group")
    groups = [named] if named else _all(kinds, GROUPS, (*NUMERIC, "text", "other"))
    if not groups:
        raise CheckError(
            f"no column tells which rollouts are of one prompt: found {_list(kinds)}; expected one of {_list(GROUPS)}, "
            "or name it with --group"
        )
    return groups


def _sampled(
    sources: Sequence[FlatSource],
    kinds: Mapping[str, Kind],
    groups: Sequence[str],
    step: str | None,
    file_steps: Mapping[str, int],
) -> Sampled:
    """The sample with the first of these columns that tells groups, or else the first of them."""
    prompt, in_our_dump = "input" if "input" in kinds else None, any(name.startswith(ADVANTAGE) for name in kinds)
    for group in groups:
        sampled = Sampled(sources, kinds, group, step, file_steps)
        if sampled.has_sessions(prompt, in_our_dump):
            return Sampled(sources, kinds, group, step, file_steps, sessions=True)
        if sampled.tells_groups():
            return sampled
    return Sampled(sources, kinds, groups[0], step, file_steps)


def _declared_rewards(kinds: Mapping[str, Kind], choice: Choice, settings: RunSettings) -> dict[str, str]:
    """Reward → column, where the user, a dump of this plug-in or the settings of the run say so; empty elsewhere."""
    if choice.scores:
        return {name.removeprefix(REWARD): _column_of(name, kinds) for name in choice.scores}
    if ours := {name.removeprefix(REWARD): name for name in kinds if name.startswith(REWARD)}:
        return ours
    declared = [name for name in settings.rewards or () if kinds.get(name) in NUMERIC]
    return {name: name for name in declared} if len(declared) > 1 else {}


def _several(rewards: Mapping[str, str], kinds: Mapping[str, Kind], group: str) -> None:
    """Refuse fewer than two rewards."""
    if len(rewards) < 2:
        numbers = [name for name, kind in kinds.items() if kind in NUMERIC and name not in (*rewards.values(), group)]
        raise CheckError(
            f"{len(rewards)} of the columns {'is a reward' if len(rewards) == 1 else 'are rewards'} "
            f"({_list(rewards)}); expected two or more. "
            f"Other columns of numbers: {_list(numbers)}; name the rewards with --scores a,b"
        )


def _column_of(name: str, kinds: Mapping[str, Kind]) -> str:
    """The column of a reward that the user has named."""
    column = _resolved(REWARD + name, kinds, "") or _resolved(name, kinds, "")
    if column is None:
        ends = [column for column in kinds if column.endswith((f".{name}", f"/{name}"))]
        if len(ends) != 1:
            _there(name, kinds, "--scores")
        column = ends[0]
    return column


def _resolved(name: str | None, kinds: Mapping[str, Kind], option: str) -> str | None:
    """The column of this name, whatever the case; refused under the option's name if there is none."""
    if name is None or name in kinds:
        return name
    alike = [column for column in kinds if plain(column) == plain(name)]
    if len(alike) == 1:
        return alike[0]
    if option:
        _there(name, kinds, option)
    return None


def _there(column: str, kinds: Mapping[str, Kind], option: str) -> None:
    raise CheckError(f"{option}: no column is called {column!r}.{nearest(column, kinds)}")


def _first(kinds: Mapping[str, Kind], names: Sequence[str], of: Sequence[Kind]) -> str | None:
    return find_name(names, [name for name, kind in kinds.items() if kind in of])


def _all(kinds: Mapping[str, Kind], names: Sequence[str], of: Sequence[Kind]) -> list[str]:
    """The columns of these names, each once, in the order of the names."""
    columns = (_first(kinds, [name], of) for name in names)
    return list(dict.fromkeys(column for column in columns if column))


def _list(names: Sequence[str] | Mapping[str, object]) -> str:
    return first_of(names) or "none"
