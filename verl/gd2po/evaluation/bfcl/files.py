"""BFCL's own files in its project root: answers, which survive interruptions, and verdicts."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gd2po.evaluation.bfcl.categories import CATEGORIES
from gd2po.evaluation.bfcl.job import ANSWERED, FAILED, REGISTERED, TICKS
from gd2po.evaluation.bfcl.process import BFCLError
from gd2po.files import write_whole

Row = dict[str, Any]


def read_answers(root: Path, category: str) -> list[Row]:
    """One row per entry, with ``id``, ``result`` and the other fields that BFCL records.

    Raises:
        BFCLError: Some entries have no row, or two.
    """
    path = _find(root / "result", category, "result")
    rows = [json.loads(line) for line in _lines(path)]
    if len({row["id"] for row in rows}) != len(rows) or len(rows) != CATEGORIES[category]:
        raise BFCLError(f"{path} holds {len(rows)} answers, expected one to each of {CATEGORIES[category]} entries")
    return rows


def read_failures(root: Path, category: str) -> dict[str, Row]:
    """The evaluator's verdict on each entry that it calls wrong, by ``id``.

    Raises:
        BFCLError: The file's counts do not agree with one another, or with the number of entries.
    """
    path = _find(root / "score", category, "score")
    counts, *rows = (json.loads(line) for line in _lines(path))
    total, correct = counts["total_count"], counts["correct_count"]
    if total != CATEGORIES[category] or total - correct != len(rows):
        raise BFCLError(
            f"{path} counts {correct} of {total} correct and lists {len(rows)} failures, expected "
            f"{CATEGORIES[category]} entries in all"
        )
    return {row["id"]: row for row in rows}


def is_unanswered(row: Mapping[str, Any]) -> bool:
    """Whether BFCL has recorded an inference error in place of an answer."""
    return "traceback" in row


def keep_answered(root: Path) -> int:
    """Prepare another session, and return the number of entries that need not be asked again.

    Inference errors, and lines torn by an interruption, are taken out of the result files.
    """
    (root / TICKS).unlink(missing_ok=True)
    answered = 0
    for path in (root / "result").rglob("*_result.json"):
        kept = [line for line in _lines(path) if _is_answer(line)]
        answered += len(kept)
        write_whole(path, "".join(f"{line}\n" for line in kept))
    return answered


def drop_scores(root: Path) -> None:
    """Delete earlier verdicts."""
    shutil.rmtree(root / "score", ignore_errors=True)


def drop_tables(root: Path) -> None:
    """Delete BFCL's tables: they count categories that were not evaluated as 0."""
    for path in (root / "score").glob("*.csv"):
        path.unlink()


def count_ticks(root: Path) -> tuple[int, int]:
    """Numbers of entries that the running step has answered and failed to answer."""
    path = root / TICKS
    ticks = path.read_bytes() if path.exists() else b""
    return ticks.count(ANSWERED), ticks.count(FAILED)


def _find(folder: Path, category: str, kind: str) -> Path:
    paths = list((folder / REGISTERED).rglob(f"BFCL_v4_{category}_{kind}.json"))
    if len(paths) != 1:
        raise BFCLError(f"{folder} holds {len(paths)} {kind} files of {category}, expected one")
    return paths[0]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file)


def _is_answer(line: str) -> bool:
    try:
        return not is_unanswered(json.loads(line))
    except ValueError:
        return False
