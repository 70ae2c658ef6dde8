"""The files that training and validation read: which published files each is made of, how, and where it goes."""

from dataclasses import dataclass
from pathlib import Path

from gd2po.data.api_bank import prepare_validation
from gd2po.data.catalogue import find_members, known_names
from gd2po.data.coding_files import RECIPES as CODING_RECIPES
from gd2po.data.mathematics_files import RECIPES as MATHEMATICS_RECIPES
from gd2po.data.recipe import Files, Recipe
from gd2po.data.rlla_4k import prepare_prompts, prepare_warm_start
from gd2po.data.safe_alignment import prepare_prompts as prepare_safety_prompts
from gd2po.data.writing import PrepareReport
from gd2po.errors import DataError, nearest


def _levels(files: Files) -> Files:
    return {name.partition("/")[2]: path for name, path in files.items()}


def _safety(name: str) -> Recipe:
    return Recipe(name, (name,), lambda files, to: prepare_safety_prompts(files[name], to))


RECIPES = (
    Recipe("rlla_4k/train", ("rlla_4k/train",), lambda files, to: prepare_prompts(files["rlla_4k/train"], to)),
    Recipe("rlla_4k/test", ("rlla_4k/test",), lambda files, to: prepare_prompts(files["rlla_4k/test"], to)),
    Recipe(
        "rlla_4k/sft",
        ("rlla_4k/sft",),
        lambda files, to: prepare_warm_start(files["rlla_4k/sft"], to, files.get("rlla_4k/test")),
        uses=("rlla_4k/test",),
    ),
    Recipe(
        "api_bank/validation",
        ("api_bank/lv1", "api_bank/lv2", "api_bank/lv3"),
        lambda files, to: prepare_validation(_levels(files), to),
    ),
    _safety("alpaca/train"),
    _safety("alpaca/test"),
    _safety("hh_rlhf/test"),
    _safety("pku_saferlhf/test"),
    *MATHEMATICS_RECIPES,
    *CODING_RECIPES,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The files that a name was prepared to.

    Attributes:
        reports: One report per file that was written.
        skipped: One sentence per file that could not be made, because a published file is absent.
    """

    reports: tuple[PrepareReport, ...]
    skipped: tuple[str, ...]


def prepare_named(name: str, root: Path, destination: Path | None = None) -> Outcome:
    """Make the file of a name, or all files of a set that can be made of the published files that are here.

    Args:
        name: The name of a set, or of one file of it.
        root: The folder of the data sets.
        destination: The file to write instead of the usual one; only for a single file.

    Raises:
        DataError: No such name, nothing could be made, a published file that is not as published, or bad rows.
    """
    recipes = find_recipes(name)
    if destination and len(recipes) > 1:
        names = ", ".join(recipe.name for recipe in recipes)
        raise DataError(f"{name} is prepared to {len(recipes)} files, and {destination} is one; name one of {names}")
    reports, skipped = [], []
    for recipe in recipes:
        files = _files(recipe, root)
        if absent := [member for member in recipe.needs if member not in files]:
            skipped.append(f"{recipe.name}.parquet needs {', '.join(absent)}; run `gd2po data get {' '.join(absent)}`")
        else:
            reports.append(recipe.make(files, destination or recipe.path(root)))
    if not reports:
        raise DataError("\n".join(f"not made: {sentence}" for sentence in skipped))
    return Outcome(tuple(reports), tuple(skipped))


def is_known(name: str) -> bool:
    """Whether a word on the command line is a data set, one of its members or of its prepared files."""
    return name in {*known_names(), *(recipe.name for recipe in RECIPES)}


def find_recipes(name: str) -> tuple[Recipe, ...]:
    """The recipe of a name, or all recipes of a set.

    Raises:
        DataError: There is no recipe of that name.
    """
    recipes = tuple(recipe for recipe in RECIPES if name in (recipe.name, recipe.name.partition("/")[0]))
    if not recipes and name in known_names():
        if not any(name in recipe.needs for recipe in RECIPES):
            raise DataError(f"{name} is used as published; there is nothing to prepare")
        raise DataError(f"{name} is prepared with its whole set: gd2po data prepare {name.partition('/')[0]}")
    if not recipes:
        names = {part for recipe in RECIPES for part in (recipe.name, recipe.name.partition("/")[0])}
        raise DataError(f"{name} is neither a file nor a data set.{nearest(name, names)}")
    return recipes


def _files(recipe: Recipe, root: Path) -> Files:
    """The published files of a recipe that are here, checked."""
    members = [member for member in find_members((*recipe.needs, *recipe.uses)) if member.path(root).is_file()]
    for member in members:
        if fault := member.find_fault(root):
            raise DataError(f"{member.path(root)} {fault}")
    return {member.name: member.path(root) for member in members}
