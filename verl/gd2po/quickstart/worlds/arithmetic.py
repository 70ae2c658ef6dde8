"""A small world of arithmetic in GSM8K's manner: one-step problems, and a policy that answers them in every way.

A thought makes an answer right more often and longer: correctness and length pull apart. Some answers lack their tags.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from gd2po.data.math_rows import prepare_problems
from gd2po.data.mathematics import Problem
from gd2po.quickstart.warm_start import WarmStart
from gd2po.quickstart.worlds.folder import make_world
from gd2po.rewards.math.prompt import user_message

WORDING = "tags"

_NAMES = ("Ada", "Ben", "Eva", "Ida", "Leo", "Max", "Tom", "Zoe")
_THINGS = ("apples", "books", "coins", "eggs", "pens", "shells")
_STORIES = (
    ("+", "{name} has {a} {thing} and gets {b} more. How many {thing} does {name} have now?"),
    ("+", "{name} finds {a} {thing} in the morning and {b} in the evening. How many {thing} are that?"),
    ("-", "{name} had {a} {thing} and gave {b} away. How many {thing} are left?"),
)
_THOUGHTS = (
    "{name} starts with {a}. Then {b} {change}. {a} {sign} {b} = {result}.",
    "I start with {a} {thing}, and {b} {change}, so {a} {sign} {b} = {result} {thing}, and {result} is the answer.",
)
_CHANGES = {"+": "come", "-": "go"}

MISTAKES = {"thought": 0.1, "none": 0.5}
"""The share of wrong answers after a thought, and without one."""

UNTAGGED = 0.25
"""The share of answers without tags around them."""


@dataclass(frozen=True, slots=True)
class ToyProblem:
    """A one-step problem.

    Attributes:
        text: The problem.
        result: Its answer.
        thoughts: Ways to the answer, in words.
    """

    text: str
    result: int
    thoughts: tuple[str, ...]


@dataclass(frozen=True)
class Sizes:
    """How much data is made.

    Attributes:
        train_problems, test_problems: The numbers of problems of the two splits, which have none in common.
        demonstrations: The number of answers that the policy is warm-started on.
    """

    train_problems: int = 512
    test_problems: int = 64
    demonstrations: int = 4000


def problems(seed: int) -> list[ToyProblem]:
    """All problems of the world in an order that the seed decides."""
    every = [
        _problem(sign, story, name, thing, *pair)
        for (sign, story), name, thing, pair in product(_STORIES, _NAMES, _THINGS, product(range(1, 6), repeat=2))
        if sign == "+" or pair[0] > pair[1]
    ]
    random.Random(seed).shuffle(every)
    return every


def demonstrations(shown: Sequence[ToyProblem], count: int, seed: int) -> list[dict[str, str]]:
    """``{instruction, input, output}`` records with right and wrong, long and short, tagged and untagged answers."""
    rng = random.Random(seed)
    repeated = (shown[number % len(shown)] for number in range(count))
    return [
        {"instruction": "", "input": user_message(problem.text, WORDING), "output": _answer(problem, rng)}
        for problem in repeated
    ]


def make_toy_math(
    folder: Path,
    seed: int,
    *,
    sizes: Sizes = Sizes(),
    warm_start: WarmStart = WarmStart(epochs=2),  # noqa: B008  frozen
    on_progress: Callable[[str], None] = lambda what: None,
) -> int:
    """Make ``train.parquet``, ``test.parquet``, ``test.jsonl`` and ``policy``.

    Args:
        folder: The folder to make, whole or not at all.
        seed: The seed of everything.
        sizes: The sizes of the data.
        warm_start: How the policy is trained.
        on_progress: Called with what is being made.

    Returns:
        The number of problems of the world.

    Raises:
        SettingsError: The folder exists, or the world is smaller than the sizes.
    """

    def prepare(some: Sequence[ToyProblem], destination: Path, split: str) -> None:
        rows = [Problem(problem.text, str(problem.result)) for problem in some]
        prepare_problems(rows, destination, source="toy", split=split, wording=WORDING, drop_bad=False)

    return make_world(
        folder,
        seed,
        problems(seed),
        sizes=sizes,
        warm_start=warm_start,
        on_progress=on_progress,
        prepare=prepare,
        line=lambda problem: {"problem": problem.text, "answer": problem.result},
        demonstrations=demonstrations,
    )


def _problem(sign: str, story: str, name: str, thing: str, a: int, b: int) -> ToyProblem:
    result = a + b if sign == "+" else a - b
    words = {"name": name, "thing": thing, "a": a, "b": b, "sign": sign, "change": _CHANGES[sign]}
    thoughts = tuple(thought.format(**words, result=result) for thought in _THOUGHTS)
    return ToyProblem(story.format(**words), result, thoughts)


def _answer(problem: ToyProblem, rng: random.Random) -> str:
    thought = rng.choice(("", *problem.thoughts))
    wrong = rng.random() < MISTAKES["thought" if thought else "none"]
    result = problem.result + rng.choice((-2, -1, 1, 2)) if wrong else problem.result
    if rng.random() < UNTAGGED:
        return f"{thought} {result}".strip()
    return f"<think>{thought}</think>\n<answer>{result}</answer>"
