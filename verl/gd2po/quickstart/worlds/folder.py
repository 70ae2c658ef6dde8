"""The folder of a toy world of problems: files for training and test, and a policy that was shown answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from gd2po.errors import SettingsError
from gd2po.quickstart.policy import PolicySize
from gd2po.quickstart.warm_start import WarmStart, build_policy

Problem = TypeVar("Problem")


class Sizes(Protocol):
    """The numbers of training problems, test problems and demonstrations."""

    @property
    def train_problems(self) -> int: ...
    @property
    def test_problems(self) -> int: ...
    @property
    def demonstrations(self) -> int: ...


def make_world(
    folder: Path,
    seed: int,
    every: Sequence[Problem],
    *,
    sizes: Sizes,
    warm_start: WarmStart,
    on_progress: Callable[[str], None],
    prepare: Callable[[Sequence[Problem], Path, str], object],
    line: Callable[[Problem], Mapping[str, Any]],
    demonstrations: Callable[[Sequence[Problem], int, int], Sequence[dict[str, str]]],
) -> int:
    """Make ``train.parquet``, ``test.parquet``, ``test.jsonl`` and ``policy``.

    Args:
        folder: The folder to make, whole or not at all.
        seed: The seed of the policy and of its demonstrations.
        every: All problems of the world, in the order in which they are dealt out, to the test first.
        sizes: The sizes of the data.
        warm_start: How the policy is trained.
        on_progress: Called with what is being made.
        prepare: Writes the rows of some problems to a file; gets the name of the split, too.
        line: A problem as a line of a user's own file.
        demonstrations: So many records of some problems, by the seed, that the policy is shown.

    Returns:
        The number of problems of the world.

    Raises:
        SettingsError: The folder exists, or the world is smaller than the sizes.
    """
    if folder.exists():
        raise SettingsError(f"{folder} exists already; name another folder, or remove it")
    if sizes.train_problems + sizes.test_problems > len(every):
        raise SettingsError(f"the toy world has {len(every)} problems, fewer than {sizes} asks for")
    test, train = every[: sizes.test_problems], every[sizes.test_problems :][: sizes.train_problems]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        unfinished = Path(scratch, "toy")
        on_progress("problems")
        for split, of_split in (("train", train), ("test", test)):
            prepare(of_split, unfinished / f"{split}.parquet", split)
        lines = [json.dumps(line(problem)) for problem in test]
        (unfinished / "test.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        on_progress("policy")
        shown = demonstrations(train, sizes.demonstrations, seed)
        build_policy(shown, unfinished / "policy", warm_start, seed, size=PolicySize(context=256))
        unfinished.rename(folder)
    return len(every)
