"""What a training changed, read from its saved answers: scores with intervals, and answers before and after."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.intervals import Interval, clustered_mean, difference, mean

Rows = Sequence[Mapping[str, Any]]
"""Saved answers with their scores, one mapping each."""


@dataclass(frozen=True)
class Change:
    """A mean score before and after, and its change with a 95 % interval over prompts."""

    before: float
    after: float
    change: Interval

    def __str__(self) -> str:
        margin = (self.change.high - self.change.low) / 2
        return f"{self.before:.2f} → {self.after:.2f} (±{margin:.2f})"


@dataclass(frozen=True)
class Example:
    """A test prompt with its answer before and after the training."""

    prompt: str
    before: str
    after: str


@dataclass(frozen=True)
class Outcome:
    """What a training changed.

    Attributes:
        test: Reward → its change on the test prompts, the same before and after.
        training: Reward → its change from the first third of the steps to the last, on the sampled answers that the
            training saw; every prompt is used once.
        examples: Test prompts with answers, those first whose answer changed most.
    """

    test: Mapping[str, Change]
    training: Mapping[str, Change]
    examples: Sequence[Example]


def read_outcome(run: Path, rewards: Sequence[str], steps: int) -> Outcome:
    """Read the saved answers of a run of so many steps."""
    before, after = (_read(run / "validation" / f"{step}.jsonl") for step in (0, steps))
    part = max(1, steps // 3)
    first = [row for step in range(1, part + 1) for row in _read(run / "rollouts" / f"{step}.jsonl")]
    last = [row for step in range(steps - part + 1, steps + 1) for row in _read(run / "rollouts" / f"{step}.jsonl")]
    return Outcome(
        test={name: _paired(before, after, name) for name in rewards},
        training={name: _unpaired(first, last, f"reward/{name}") for name in rewards},
        examples=_examples(before, after, rewards),
    )


def _read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _by_prompt(rows: Rows, column: str) -> dict[str, float]:
    """Prompt → mean score of its answers."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["input"], []).append(row[column])
    return {prompt: sum(values) / len(values) for prompt, values in scores.items()}


def _paired(before: Rows, after: Rows, column: str) -> Change:
    first, last = _by_prompt(before, column), _by_prompt(after, column)
    changes = [last[prompt] - first[prompt] for prompt in first]
    return Change(sum(first.values()) / len(first), sum(last.values()) / len(last), mean(changes))


def _unpaired(first: Rows, last: Rows, column: str) -> Change:
    early, late = (
        clustered_mean([row[column] for row in rows], [row["input"] for row in rows]) for rows in (first, last)
    )
    return Change(early.value, late.value, difference(late, early))


def _examples(before: Rows, after: Rows, rewards: Sequence[str]) -> list[Example]:
    """One answer to each prompt, in the order of the change of the sum of its scores, the largest first."""
    later = {row["input"]: row for row in reversed(after)}
    earlier = {row["input"]: row for row in reversed(before)}

    def gain(prompt: str) -> float:
        return sum(later[prompt][name] - earlier[prompt][name] for name in rewards)

    ordered = sorted(earlier, key=gain, reverse=True)
    return [Example(_question(prompt), earlier[prompt]["output"], later[prompt]["output"]) for prompt in ordered]


def _question(prompt: str) -> str:
    """What the user says, of a chat in the layout that verl saves."""
    text = prompt.rpartition("\nassistant\n")[0] or prompt
    return text.rpartition("user\n")[2].rpartition("<user> ")[2].removesuffix(" </user>").strip()
