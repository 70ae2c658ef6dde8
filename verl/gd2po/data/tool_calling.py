"""Tool-calling dialogues to the parquet rows verl trains on: prompts with a reference answer."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gd2po.data.checks import SCHEMA, Row, RowProblem, check_row
from gd2po.data.layouts import read_dialogues, read_texts
from gd2po.data.records import Texts
from gd2po.data.writing import PrepareReport, write_checked
from gd2po.rewards.tool_calling.grammar import ANSWER, TOOLS

__all__ = ["prepare", "read_dialogues", "to_row"]

DATA_SOURCE = "rlla"  # names the validation metrics: val-core/rlla/…
ABILITY = "tool_calling"


def prepare(
    source: str | Path | Iterable[Mapping[str, Any]], destination: str | Path, *, split: str, drop_bad: bool = False
) -> PrepareReport:
    """Convert, check and write one split.

    Args:
        source: A JSON list or JSON-lines file in one of the layouts of :func:`gd2po.data.layouts.read_texts`, or the
            records themselves.
        destination: The parquet file to write; its folder is made.
        split: The name of the split, which goes into ``extra_info`` with the position of the record in ``source``.
        drop_bad: Whether rows that fail :func:`gd2po.data.checks.check_rows` are left out and reported, instead of
            the whole source refused.

    Raises:
        DataError: Not JSON, no record, bad rows without ``drop_bad``, or nothing left to write.
    """
    rows = [checked_row(texts, split, index) for index, texts in enumerate(read_texts(source))]
    return write_prompts(rows, destination, drop_bad=drop_bad)


def write_prompts(rows: Sequence[Row | RowProblem], destination: str | Path, *, drop_bad: bool) -> PrepareReport:
    """:func:`gd2po.data.writing.write_checked` for rows of this task."""
    return write_checked(
        rows, destination, SCHEMA, lambda row: answer_kind(row["reward_model"]["ground_truth"]), drop_bad=drop_bad
    )


def checked_row(texts: Texts | RowProblem, split: str, index: int) -> Row | RowProblem:
    """A dialogue as a row of :data:`gd2po.data.checks.SCHEMA`, or what is wrong with it."""
    return texts if isinstance(texts, RowProblem) else check_row(to_row(texts, split, index), index)


def to_row(texts: Texts, split: str, index: int, data_source: str = DATA_SOURCE) -> Row:
    """A dialogue as an unchecked row of :data:`gd2po.data.checks.SCHEMA`."""
    return {
        "data_source": data_source,
        "prompt": [{"role": "system", "content": texts.instruction}, {"role": "user", "content": texts.input}],
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": texts.output},
        "extra_info": {"split": split, "index": index} | texts.model_dump(),
    }


def answer_kind(answer: str) -> str:
    """The parts of a checked answer beside its thought: ``tool calls``, ``answers`` or ``both``."""
    if ANSWER[0] not in answer:
        return "tool calls"
    return "both" if TOOLS[0] in answer else "answers"
