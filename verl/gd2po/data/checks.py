"""Checks of tool-calling rows before a GPU is spent on them, and the columns of their files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.errors import DataError, GD2POError
from gd2po.rewards.tool_calling import GroundTruthError, score
from gd2po.rewards.tool_calling.answers import write_answer
from gd2po.rewards.tool_calling.api_bank.rows import API_BANK, score_api_bank
from gd2po.rewards.tool_calling.grammar import TOOLS
from gd2po.rewards.tool_calling.options import ToolCallingOptions

Row = Mapping[str, Any]

SCHEMA = pa.schema([
    ("data_source", pa.string()),
    ("prompt", pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))),
    ("ability", pa.string()),
    ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
    ("extra_info", pa.struct([
        ("index", pa.int64()), ("input", pa.string()), ("instruction", pa.string()),
        ("output", pa.string()), ("split", pa.string()),
    ])),
])  # fmt: skip
_USED = {"data_source", "prompt", "reward_model", "extra_info"}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """The first fault of one row.

    Attributes:
        row: The 0-based position of the row.
        reason: What is wrong with it.
    """

    row: int
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"


def check_rows(rows: Iterable[Row]) -> list[RowProblem]:
    """The rows that cannot be trained on, in order; an empty list when all can.

    A row needs a prompt of one system and one user message, both with text, a split and an index by which errors can
    name it, and a ground truth that earns full marks when a model says exactly that: format 1, and the highest
    correctness when it calls a tool. The gold call of an API-Bank row must be right by that benchmark's own scorer.
    """
    outcomes = (check_row(row, position) for position, row in enumerate(rows))
    return [outcome for outcome in outcomes if isinstance(outcome, RowProblem)]


def check_row(row: Row, position: int) -> Row | RowProblem:
    """The row itself when it passes :func:`check_rows`."""
    reason = _reason(row)
    return RowProblem(position, reason) if reason else row


def check_parquet(path: str | Path) -> list[RowProblem]:
    """:func:`check_rows` for a file.

    Raises:
        DataError: A column is missing.
        FileNotFoundError: There is no such file.
    """
    return check_rows(read_rows(path))


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a parquet file with the columns of a tool-calling row.

    Raises:
        DataError: A column is missing.
        FileNotFoundError: There is no such file.
    """
    table = pq.read_table(path)
    if missing := sorted(_USED - set(table.column_names)):
        raise DataError(f"{path}: no column {', '.join(missing)}; found {', '.join(table.column_names)}")
    return table.to_pylist()


def _reason(row: Row) -> str | None:
    messages = row["prompt"] or []
    roles = [message["role"] for message in messages]
    if roles != ["system", "user"]:
        return f"the prompt has the roles {roles}, expected ['system', 'user']"
    for message in messages:
        content = message["content"]
        if not (content is None or isinstance(content, str)):
            return f"the content of the {message['role']} message is a {type(content).__name__}, expected a text"
        if not (content or "").strip():
            return f"the {message['role']} message is empty"
    extra = row["extra_info"] or {}
    if extra.get("split") is None or extra.get("index") is None:
        return "extra_info lacks split or index, so errors could not name this row"
    truth = (row["reward_model"] or {}).get("ground_truth")
    if str(row["data_source"]).startswith(API_BANK):
        return _gold_call_reason(truth, extra)
    return _ground_truth_reason(truth)


def _ground_truth_reason(truth: Any) -> str | None:
    try:
        scores = score(truth if isinstance(truth, str) else "", truth)
    except GroundTruthError as error:
        return str(error)
    if scores["format"] != 1:
        return f"the ground truth is not in the format it asks for: {truth[:80]!r}"
    if TOOLS[0] in truth and scores["correctness"] != ToolCallingOptions().correctness_range[1]:
        return "the ground truth does not score full correctness against itself; a value in it may be NaN"
    return None


def _gold_call_reason(truth: Any, extra: Mapping[str, Any]) -> str | None:
    try:
        score_api_bank("", truth, extra)
        gold = json.loads(truth)
        scores = score_api_bank(write_answer(gold if isinstance(gold, list) else [gold]), truth, extra)
    except GD2POError as error:
        return str(error)
    if scores["strict_correct"] != 1:
        return f"the gold call is not right by API-Bank's own scorer: {truth[:80]!r}"
    return None
