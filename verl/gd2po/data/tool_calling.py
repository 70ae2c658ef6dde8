"""Tool-calling dialogues ``{instruction, input, output}`` to the parquet rows verl trains on.

This is the layout of the public rlla_4k set: ``instruction`` is the system message, ``input`` the dialogue so far and
``output`` the reference answer in the output grammar of :mod:`gd2po.rewards.tool_calling`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.data.checks import SCHEMA, DataError, RowProblem, check_rows
from gd2po.rewards.tool_calling.grammar import ANSWER, TOOLS

DATA_SOURCE = "rlla"  # names the validation metrics: val-core/rlla/…
ABILITY = "tool_calling"
_FIELDS = ("instruction", "input", "output")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What became of every record: ``read == written + len(dropped)``, ``written == tools + answers + both``."""

    destination: Path
    read: int
    written: int
    tools: int
    answers: int
    both: int
    dropped: tuple[RowProblem, ...]


def prepare(
    source: str | Path | Iterable[Mapping[str, str]], destination: str | Path, *, split: str, drop_bad: bool = False
) -> PrepareReport:
    """Convert, check and write one split.

    Args:
        source: a JSON list or JSON-lines file of raw dialogues, or the dialogues themselves.
        destination: the parquet file to write; its folder is made.
        split: goes into ``extra_info`` with the position of the dialogue in ``source``.
        drop_bad: leave out the rows that fail :func:`gd2po.data.checks.check_rows` and report them, instead of
            refusing the whole source.

    Raises:
        DataError: no dialogue, a record of another shape, bad rows without ``drop_bad``, or nothing left to write.
    """
    records = read_dialogues(source) if isinstance(source, str | Path) else list(source)
    rows = [to_row(record, split=split, index=index) for index, record in enumerate(records)]
    problems = check_rows(rows)
    bad = {problem.row for problem in problems}
    kept = [row for index, row in enumerate(rows) if index not in bad]
    if problems and not drop_bad:
        raise DataError(_refusal(problems, len(rows)))
    if not kept:
        raise DataError(f"nothing to write to {destination}: {len(rows)} dialogues read, {len(problems)} of them bad")
    _write(kept, Path(destination))
    kinds = Counter(_kind(row["reward_model"]["ground_truth"]) for row in kept)
    return PrepareReport(
        Path(destination), len(rows), len(kept), kinds["tools"], kinds["answers"], kinds["both"], tuple(problems)
    )


def read_dialogues(path: str | Path) -> list[Any]:
    """The records of a JSON list or JSON-lines file.

    Raises:
        DataError: the file, or a line of it, is not JSON, or the JSON is no list.
    """
    text = Path(path).read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return _json(text, str(path))
    return [_json(line, f"{path}:{number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def to_row(record: Mapping[str, str], *, split: str, index: int) -> dict[str, Any]:
    """One dialogue as a row of :data:`gd2po.data.checks.SCHEMA`.

    Raises:
        DataError: a field is missing or is not text.
    """
    if not isinstance(record, Mapping) or not all(isinstance(record.get(name), str) for name in _FIELDS):
        found = sorted(record) if isinstance(record, Mapping) else type(record).__name__
        raise DataError(f"dialogue {index}: expected the texts {', '.join(_FIELDS)}; found {found}")
    system, user, answer = (record[name] for name in _FIELDS)
    return {
        "data_source": DATA_SOURCE,
        "prompt": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"split": split, "index": index, "instruction": system, "input": user, "output": answer},
    }


def _write(rows: Sequence[Mapping[str, Any]], destination: Path) -> None:
    if destination.suffix != ".parquet":
        raise DataError(f"{destination}: verl recognises data files by their ending, call it *.parquet")
    destination.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), destination)


def _kind(truth: str) -> str:
    if ANSWER[0] not in truth:
        return "tools"
    return "both" if TOOLS[0] in truth else "answers"


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error}") from error


def _refusal(problems: Sequence[RowProblem], total: int) -> str:
    shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
    rest = len(problems) - _SHOWN
    return (
        f"{len(problems)} of {total} rows cannot be trained on; drop_bad leaves such rows out and counts them:\n{shown}"
        + (f"\n  and {rest} more" if rest > 0 else "")
    )
