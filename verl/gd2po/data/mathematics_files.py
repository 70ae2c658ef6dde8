"""The files of the mathematics task: which published files each is made of, and which benchmarks it must not hold."""

from pathlib import Path

from gd2po.data.catalogue import published_below
from gd2po.data.math_rows import prepare_problems
from gd2po.data.mathematics import read_problems
from gd2po.data.overlap import HeldOut
from gd2po.data.recipe import Files, Recipe
from gd2po.data.writing import PrepareReport

BENCHMARKS = (
    "gsm8k/test", "math500/test", "aime22_24/test", "aime24/test", "aime25/test", "amc22_23/test", "amc23/test",
    "minerva_math/test", "olympiadbench/test",
)  # fmt: skip
"""The members of the catalogue on which models are evaluated: no training row may ask the same."""


def held_out(files: Files) -> HeldOut:
    """The questions of the benchmarks that are at hand.

    Args:
        files: Name of a member → its published file.
    """
    here = {name: files[name] for name in BENCHMARKS if name in files}
    texts = {name: [problem.text for problem in read_problems(_set(name), path)] for name, path in here.items()}
    return HeldOut.of(texts, [name for name in BENCHMARKS if name not in files])


def held_out_below(root: Path) -> HeldOut:
    """The questions of the benchmarks whose published files are in the folder of the data sets.

    Raises:
        DataError: A file is not the published one.
    """
    return held_out(published_below(root, BENCHMARKS))


def _set(name: str) -> str:
    return name.partition("/")[0]


def _training(name: str, member: str, needs: tuple[str, ...] = (), wording: str = "box") -> Recipe:
    """A file of training problems, without those of any benchmark."""

    def make(files: Files, destination: Path) -> PrepareReport:
        problems = read_problems(_set(member), files[member])
        return prepare_problems(
            problems, destination, source=_set(name), split="train", wording=wording, held_out=held_out(files)
        )

    return Recipe(name, (member, *needs), make, uses=tuple(test for test in BENCHMARKS if test not in needs))


def _validation(name: str, member: str, wording: str = "box") -> Recipe:
    """A file of benchmark problems, all of them, to watch during training."""

    def make(files: Files, destination: Path) -> PrepareReport:
        problems = read_problems(_set(member), files[member])
        return prepare_problems(problems, destination, source=_set(name), split="test", wording=wording, drop_bad=False)

    return Recipe(name, (member,), make)


_WATCHED = ("gsm8k", "math500", "aime22_24", "aime24", "aime25", "amc22_23", "amc23")
"""Sets with one exact answer to each problem, which the rewards judge as the evaluation does."""

RECIPES: tuple[Recipe, ...] = (
    _training("gsm8k/train", "gsm8k/train"),
    _training("gsm8k/train_tags", "gsm8k/train", wording="tags"),
    _training("math/train", "math/test", needs=("math500/test",)),
    _training("deepscaler/train", "deepscaler/train"),
    *(_validation(f"{name}/test", f"{name}/test") for name in _WATCHED),
    _validation("gsm8k/test_tags", "gsm8k/test", wording="tags"),
)
