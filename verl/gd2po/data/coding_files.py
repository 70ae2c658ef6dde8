"""The files of the coding task: which published files each is made of, and which benchmarks it must not hold."""

from pathlib import Path

from gd2po.data.catalogue import published_below
from gd2po.data.coding import read_eurus, read_humaneval, read_mbpp
from gd2po.data.coding_rows import prepare_problems
from gd2po.data.overlap import HeldOut
from gd2po.data.recipe import Files, Recipe
from gd2po.data.writing import PrepareReport

BENCHMARKS = ("humaneval/test", "mbpp/all")
"""The members of the catalogue with problems on which models are evaluated."""


def held_out(files: Files) -> HeldOut:
    """The problems of the benchmarks that are at hand.

    Args:
        files: Name of a member → its published file.
    """
    texts: dict[str, list[str]] = {}
    if "humaneval/test" in files:
        texts["humaneval/test"] = [problem.text for problem in read_humaneval(files["humaneval/test"])]
    if "mbpp/all" in files:
        texts["mbpp/test"] = [problem.text for problem in read_mbpp(files["mbpp/all"], "test")]
    return HeldOut.of(texts, [name for name in BENCHMARKS if name not in files])


def held_out_below(root: Path) -> HeldOut:
    """The problems of the benchmarks whose published files are in the folder of the data sets.

    Raises:
        DataError: A file is not the published one.
    """
    return held_out(published_below(root, BENCHMARKS))


def _mbpp(part: str) -> Recipe:
    def make(files: Files, destination: Path) -> PrepareReport:
        problems = read_mbpp(files["mbpp/all"], part)
        away = held_out(files) if part == "train" else HeldOut({})
        return prepare_problems(problems, destination, source="mbpp", split=part, held_out=away)

    return Recipe(f"mbpp/{part}", ("mbpp/all",), make, uses=("humaneval/test",) if part == "train" else ())


def _humaneval(files: Files, destination: Path) -> PrepareReport:
    problems = read_humaneval(files["humaneval/test"])
    return prepare_problems(problems, destination, source="humaneval", split="test", drop_bad=False)


def _eurus(part: str) -> Recipe:
    def make(files: Files, destination: Path) -> PrepareReport:
        problems = read_eurus(files[f"eurus2_rl/{part}"])
        away = held_out(files) if part == "train" else HeldOut({})
        return prepare_problems(problems, destination, source="eurus2_rl", split=part, held_out=away)

    return Recipe(f"eurus2_rl/{part}", (f"eurus2_rl/{part}",), make, uses=BENCHMARKS if part == "train" else ())


RECIPES: tuple[Recipe, ...] = (
    _mbpp("train"),
    _mbpp("validation"),
    _mbpp("test"),
    Recipe("humaneval/test", ("humaneval/test",), _humaneval),
    _eurus("train"),
    _eurus("validation"),
)
