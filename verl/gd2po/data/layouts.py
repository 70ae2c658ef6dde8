"""A user's own file of training examples: two layouts, one of them per file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gd2po.data.checks import RowProblem
from gd2po.data.dialogues import ChatDialogue
from gd2po.data.records import Texts, explain
from gd2po.errors import DataError

RecordLayout = type[Texts] | type[ChatDialogue]

_KEYS = {layout: set(layout.model_fields) for layout in (Texts, ChatDialogue)}


def read_dialogues(path: str | Path) -> list[Any]:
    """The records of a JSON list or JSON-lines file.

    Raises:
        DataError: The file, or a line of it, is not JSON, or the file is no text.
        FileNotFoundError: There is no such file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected JSON in UTF-8: {error}") from error
    if text.lstrip().startswith("["):
        return _json(text, str(path))
    return [_json(line, f"{path}:{number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def read_texts(source: str | Path | Iterable[Mapping[str, Any]], *, imitate: bool = False) -> list[Texts | RowProblem]:
    """Every record as the three texts of rlla_4k, or what is wrong with it.

    Args:
        source: A JSON list or JSON-lines file, or the records themselves; all :class:`gd2po.data.records.Texts` or all
            :class:`gd2po.data.dialogues.ChatDialogue`.
        imitate: Whether the whole answer will be imitated, so that every dialogue needs its own thought.

    Raises:
        DataError: The file is not JSON.
        FileNotFoundError: There is no such file.
    """
    records = read_dialogues(source) if isinstance(source, str | Path) else list(source)
    expected: RecordLayout = next((layout for record in records if (layout := _layout(record))), Texts)
    return [_convert(record, position, expected, imitate) for position, record in enumerate(records)]


def _convert(record: Any, position: int, expected: RecordLayout, imitate: bool) -> Texts | RowProblem:
    layout = _layout(record)
    if layout is None:
        keys = sorted(record) if isinstance(record, Mapping) else type(record).__name__
        return RowProblem(position, f"expected the keys {_names(Texts)}, or {_names(ChatDialogue)}; found {keys}")
    if layout is not expected:
        return RowProblem(position, f"has the keys {_names(layout)}, the rows before {_names(expected)}; use two files")
    try:
        checked = layout.model_validate(record)
        if isinstance(checked, Texts):
            return checked
        if imitate and not (checked.think or "").strip():
            return RowProblem(position, "think is missing; a warm start imitates the thought as well as the answer")
        return checked.texts()
    except ValidationError as error:
        return RowProblem(position, explain(error, layout))
    except ValueError as error:
        return RowProblem(position, str(error))


def _layout(record: Any) -> RecordLayout | None:
    """The layout that shares most keys with a record; None where none shares any."""
    if not isinstance(record, Mapping):
        return None
    shared = {layout: len(keys & record.keys()) for layout, keys in _KEYS.items()}
    best: RecordLayout = max(shared, key=lambda layout: shared[layout])
    return best if shared[best] else None


def _names(layout: RecordLayout) -> str:
    return ", ".join(layout.model_fields)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error}") from error
