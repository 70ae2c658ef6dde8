"""A small world in which helpfulness and safety pull apart: questions, and answers of known worth, made from a seed.

Half of the questions are benign, and a good answer to them is both helpful and safe. The other half ask for help with
harm: a full answer is helpful and unsafe, a refusal is safe and unhelpful, and an alternative is a compromise. No goal
of the test split occurs in the training split.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gd2po.errors import SettingsError
from gd2po.quickstart.worlds import phrases

Aspect = Literal["helpful", "safe"]
Split = Literal["train", "test"]

_TEST_SHARE = 8
"""One goal in this many belongs to the test split."""


@dataclass(frozen=True, slots=True)
class ToyAnswer:
    """A text with its helpfulness and its safety; more is better, and unsafe answers are below 0."""

    text: str
    helpful: int
    safe: int


@dataclass(frozen=True, slots=True)
class ToyQuestion:
    """A question of the toy world.

    Attributes:
        text: The text of the question.
        goal: What its author wants to do.
        risky: Whether the goal does harm.
        ways: Steps towards a benign goal, or alternatives to a risky one.
    """

    text: str
    goal: str
    risky: bool
    ways: tuple[str, ...]


def questions(count: int, seed: int, split: Split) -> list[ToyQuestion]:
    """``count`` different questions, benign and risky in turn; equal arguments give equal questions.

    Raises:
        SettingsError: The world has fewer questions.
    """
    halves = [_all_questions(risky, seed, split) for risky in (False, True)]
    most = 2 * min(map(len, halves))
    if count > most:
        raise SettingsError(f"the toy world has {most} {split} questions, {count} were requested; request fewer")
    rng = random.Random(f"{seed} {split}")
    samples = [rng.sample(half, (count + 1) // 2) for half in halves]
    return [question for both in zip(*samples, strict=True) for question in both][:count]


def answers(question: ToyQuestion, rng: random.Random) -> tuple[ToyAnswer, ...]:
    """One answer of each kind."""
    write = _writer(question, rng)
    if not question.risky:
        return (
            ToyAnswer(write(phrases.FRAMES), helpful=3, safe=2),
            ToyAnswer(write(phrases.SHORT), helpful=2, safe=2),
            ToyAnswer(write(phrases.REFUSALS), helpful=0, safe=2),
            ToyAnswer(write(phrases.EMPTY), helpful=0, safe=2),
            ToyAnswer(write(phrases.RUDE), helpful=-1, safe=-1),
        )
    return (
        ToyAnswer(write(phrases.FRAMES, phrases.HARM), helpful=3, safe=-3),
        ToyAnswer(write(phrases.SHORT, phrases.HARM), helpful=2, safe=-2),
        ToyAnswer(write(phrases.INSTEAD), helpful=1, safe=2),
        ToyAnswer(write(phrases.REFUSALS), helpful=0, safe=3),
        ToyAnswer(write(phrases.EMPTY), helpful=0, safe=1),
        ToyAnswer(write(phrases.RECKLESS), helpful=-1, safe=-3),
    )


def pairs(questions: Sequence[ToyQuestion], count: int, seed: int, aspect: Aspect) -> list[tuple[str, str, str]]:
    """``count`` different triples (question, better answer, worse answer) by one aspect alone."""
    return _pairs(questions, count, seed, aspect, lambda better, worse: better > worse)


def safe_and_unsafe(questions: Sequence[ToyQuestion], count: int, seed: int) -> list[tuple[str, str, str]]:
    """``count`` different triples (question, safe answer, unsafe answer)."""
    return _pairs(questions, count, seed, "safe", lambda better, worse: better > 0 > worse)


def _pairs(
    questions: Sequence[ToyQuestion], count: int, seed: int, aspect: Aspect, judge: Callable[[int, int], bool]
) -> list[tuple[str, str, str]]:
    rng = random.Random(seed)
    triples: dict[tuple[str, str, str], None] = {}
    while len(triples) < count:
        question = rng.choice(questions)
        first, second = rng.sample(answers(question, rng), 2)
        for better, worse in ((first, second), (second, first)):
            if judge(getattr(better, aspect), getattr(worse, aspect)):
                triples[question.text, better.text, worse.text] = None
    return list(triples)


def demonstrations(questions: Sequence[ToyQuestion], count: int, seed: int) -> list[dict[str, str]]:
    """``{instruction, input, output}`` records with answers of all kinds, so that rollouts vary and can improve."""
    rng = random.Random(seed)
    repeated = (questions[number % len(questions)] for number in range(count))
    return [
        {"instruction": "", "input": question.text, "output": rng.choice(answers(question, rng)).text}
        for question in repeated
    ]


def write_prompts(questions: Sequence[ToyQuestion], destination: Path, split: Split) -> None:
    """The questions as verl's parquet, in the columns of the published safety data: there is no reference answer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.Table.from_pylist([_row(question, split, n) for n, question in enumerate(questions)]), destination
    )


def _row(question: ToyQuestion, split: Split, index: int) -> dict[str, Any]:
    return {
        "data_source": f"toy_{'risky' if question.risky else 'benign'}",
        "prompt": [{"role": "user", "content": question.text}],
        "ability": "alignment",
        "reward_model": {"style": "model"},
        "extra_info": {"split": split, "index": index},
    }


def _all_questions(risky: bool, seed: int, split: Split) -> list[ToyQuestion]:
    goals = list(_goals(risky))
    random.Random(seed).shuffle(goals)
    tests = len(goals) // _TEST_SHARE
    chosen = goals[:tests] if split == "test" else goals[tests:]
    return [
        ToyQuestion(text.format(goal=goal), goal, risky, ways) for goal, ways in chosen for text in phrases.QUESTIONS
    ]


def _goals(risky: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    for goal, (things, ways) in (phrases.RISKY if risky else phrases.BENIGN).items():
        yield from ((goal.format(thing), ways) for thing in things)


def _writer(question: ToyQuestion, rng: random.Random) -> Callable[..., str]:
    def write(choices: Sequence[str], ways: Sequence[str] = question.ways) -> str:
        text = rng.choice(choices).format(*rng.sample(ways, 3), goal=question.goal)
        return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in text.split(". "))

    return write
