"""API-Bank as validation rows: a prompt per item, its gold call as published, scored by the benchmark's own scorer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gd2po.data.checks import SCHEMA, check_row
from gd2po.data.records import Texts, explain
from gd2po.data.tool_calling import to_row
from gd2po.data.writing import PrepareReport, write_checked
from gd2po.errors import DataError
from gd2po.rewards.tool_calling.api_bank.rows import API_BANK


class PublishedItem(BaseModel):
    """The fields of a published item that are used.

    Attributes:
        system: The system message, with the tools.
        user: The dialogue so far, as one user message.
        answer: The gold call, or a list of it.
    """

    model_config = ConfigDict(strict=True)

    system: str
    user: str
    answer: list[Any] | dict[str, Any]


def prepare_validation(levels: Mapping[str, Path], destination: Path) -> PrepareReport:
    """Write the items of all levels, in their published order; nothing is left out, so that shares can be compared.

    Args:
        levels: Name of the level (``lv1`` …) → its published file.
        destination: The parquet file to write.

    Raises:
        DataError: An item of another shape, or a gold call that its own scorer counts as wrong.
    """
    rows = [
        to_row(texts, level, index, f"{API_BANK}{level}")
        for level, path in levels.items()
        for index, texts in enumerate(_read(path))
    ]
    checked = [check_row(row, position) for position, row in enumerate(rows)]
    return write_checked(checked, destination, SCHEMA, lambda row: row["extra_info"]["split"], drop_bad=False)


def _read(path: Path) -> Iterator[Texts]:
    """The system message, the dialogue and the gold call of each item; the call in JSON."""
    for index, item in enumerate(json.loads(path.read_bytes())):
        try:
            fields = PublishedItem.model_validate(item)
        except ValidationError as error:
            raise DataError(f"{path}: item {index}: {explain(error, PublishedItem)}") from error
        yield Texts(instruction=fields.system, input=fields.user, output=json.dumps(fields.answer, ensure_ascii=False))
