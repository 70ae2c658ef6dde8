"""Demonstrations for the supervised warm start: dialogues that end with the answer to imitate."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from gd2po.data.checks import Row, RowProblem
from gd2po.data.layouts import read_texts
from gd2po.data.records import Texts
from gd2po.data.tool_calling import answer_kind, checked_row
from gd2po.data.writing import PrepareReport, write_checked
from gd2po.rewards.tool_calling.grammar import ANSWER, THINK, TOOLS

SCHEMA = pa.schema([
    ("messages", pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))),
    ("extra_info", pa.struct([("index", pa.int64()), ("split", pa.string())])),
])  # fmt: skip

PromptTexts = tuple[str, str]
"""The system message and the user message of a prompt."""


def prepare_demonstrations(
    source: str | Path | Iterable[Mapping[str, Any]],
    destination: str | Path,
    *,
    split: str,
    drop_bad: bool = False,
    held_out: Mapping[PromptTexts, str] | None = None,
    notes: Iterable[str] = (),
) -> PrepareReport:
    """Convert, check and write demonstrations: ``messages`` (system, user, assistant) and ``extra_info``.

    Args:
        source: A source of :func:`gd2po.data.tool_calling.prepare`; the answer, thought included, will be imitated.
        destination: The parquet file to write; its folder is made.
        split: The name of the split, which goes into ``extra_info`` with the position of the record in ``source``.
        drop_bad: Whether bad rows are left out and reported, instead of the whole source refused.
        held_out: Prompts that must not be learned → the name of the row that tests on them.
        notes: Sentences for the report.

    Raises:
        DataError: Not JSON, no record, bad rows without ``drop_bad``, or nothing left to write.
    """
    rows = [
        _demonstration(texts, split, index, held_out or {})
        for index, texts in enumerate(read_texts(source, imitate=True))
    ]
    return write_checked(
        rows,
        destination,
        SCHEMA,
        lambda row: answer_kind(row["messages"][-1]["content"]),
        drop_bad=drop_bad,
        notes=tuple(notes),
    )


def _demonstration(
    texts: Texts | RowProblem, split: str, index: int, held_out: Mapping[PromptTexts, str]
) -> Row | RowProblem:
    if isinstance(texts, RowProblem):
        return texts
    thought = texts.output.partition(THINK[1])[0]
    if named := [tag for tag in (*TOOLS, *ANSWER) if tag in thought]:
        return RowProblem(index, f"its thought mentions {named[0]}, which would be taken for the answer")
    row = checked_row(texts, split, index)
    if isinstance(row, RowProblem):
        return row
    if test := held_out.get((texts.instruction, texts.input)):
        return RowProblem(index, f"its prompt is that of {test}, and would leak into training")
    return {
        "messages": [*row["prompt"], {"role": "assistant", "content": texts.output}],
        "extra_info": {"index": index, "split": split},
    }
