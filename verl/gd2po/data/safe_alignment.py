"""Prompts of the helpfulness–safety task: published rows to the columns that verl reads, the same in every file.

No row has a reference answer: ``reward_model`` is ``{style: model}``, since reward models judge the responses.
"""

from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from gd2po.data.checks import Row, RowProblem, read_rows
from gd2po.data.writing import PrepareReport, write_checked

SCHEMA = pa.schema([
    ("data_source", pa.string()),
    ("prompt", pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))),
    ("ability", pa.string()),
    ("reward_model", pa.struct([("style", pa.string())])),
    ("extra_info", pa.struct([("index", pa.int64()), ("split", pa.string())])),
])  # fmt: skip

_ROLES = ("system", "user", "assistant")


def prepare_prompts(published: Path, destination: Path) -> PrepareReport:
    """Write a published split with ``extra_info`` reduced to ``index`` and ``split``, so that verl can join files.

    Nothing is left out, so that means can be compared; a row whose turns do not alternate stays as published, and the
    report counts it. ``index`` is the published one, or the position in the file where none was published.

    Raises:
        DataError: A column is missing, or a row has no prompt that ends with a user's turn.
    """
    outcomes = [_checked(row, position) for position, row in enumerate(read_rows(published))]
    rows = [row for row in outcomes if not isinstance(row, RowProblem)]
    return write_checked(outcomes, destination, SCHEMA, _kind, drop_bad=False, notes=_notes(rows))


def _checked(row: Row, position: int) -> Row | RowProblem:
    reason = _reason(row)
    if reason:
        return RowProblem(position, reason)
    extra = {"index": row["extra_info"].get("index", position), "split": row["extra_info"]["split"]}
    kept = {name: row[name] for name in ("data_source", "prompt", "ability")}
    return kept | {"reward_model": {"style": row["reward_model"]["style"]}, "extra_info": extra}


def _reason(row: Row) -> str | None:
    messages = row["prompt"] or []
    roles = [message["role"] for message in messages]
    if not roles or roles[-1] != "user" or not set(roles) <= set(_ROLES):
        return f"the prompt has the roles {roles}, expected turns of {', '.join(_ROLES)}, the last of them the user's"
    if blank := [role for role, message in zip(roles, messages, strict=True) if not (message["content"] or "").strip()]:
        return f"the {blank[0]} message is empty"
    if not (row["extra_info"] or {}).get("split"):
        return "extra_info names no split"
    style = (row["reward_model"] or {}).get("style")
    return None if style == "model" else f"reward_model.style is {style!r}, expected 'model'"


def _notes(rows: list[Row]) -> list[str]:
    """Sentences about rows that a strict chat template would refuse."""
    doubled = [row["extra_info"]["index"] for row in rows if _repeats_a_role(row)]
    if not doubled:
        return []
    return [
        f"{len(doubled)} rows have two turns of one role in a row and stay as published; a chat template that insists "
        f"on alternation refuses them (index {', '.join(map(str, doubled))})"
    ]


def _repeats_a_role(row: Row) -> bool:
    roles = [message["role"] for message in row["prompt"]]
    return any(first == second for first, second in pairwise(roles))


def _kind(row: Row) -> str:
    return "questions" if len(row["prompt"]) == 1 else "dialogues"
