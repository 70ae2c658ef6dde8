"""The prompts of a task for TRL: the Parquet files that verl reads, with the columns that reward functions get."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.errors import DataError

logger = logging.getLogger(__name__)

COLUMNS = ("data_source", "prompt", "reward_model", "extra_info")
"""The columns that are kept, where the files have them."""


def load_prompts(files: str | Sequence[str], prompt_key: str, most: int, seed: int | None) -> Any:
    """The rows of some files, one after the other, as a ``datasets.Dataset``; nothing is written to a cache.

    Args:
        files: The Parquet file, or several.
        prompt_key: The column with the messages of the prompt.
        most: The largest number of rows; a negative number for all. Fewer rows are drawn at random.
        seed: The seed of the draw.

    Raises:
        DataError: a file is not there, or has no such column.
    """
    from datasets import Dataset

    tables = [_read(Path(file).expanduser(), prompt_key) for file in ([files] if isinstance(files, str) else files)]
    rows = Dataset(pa.concat_tables(tables, promote_options="permissive"))
    return rows if most < 0 or most >= len(rows) else rows.shuffle(seed=seed).select(range(most))


def _read(path: Path, prompt_key: str) -> pa.Table:
    if not path.is_file():
        raise DataError(f"there is no file {path}; gd2po data prepare makes the files of a task")
    table = pq.read_table(path)
    if prompt_key not in table.column_names:
        raise DataError(f"{path} has no column {prompt_key!r}; its columns are {', '.join(table.column_names)}")
    if prompt_key != "prompt":
        table = table.rename_columns({prompt_key: "prompt"})
    return table.select([name for name in COLUMNS if name in table.column_names])


def without_long_prompts(rows: Any, tokenizer: Any, data: Mapping[str, Any]) -> Any:
    """The rows whose prompts are not longer than ``max_prompt_length`` tokens. TRL does not cut prompts.

    Args:
        rows: The rows, as :func:`load_prompts` returns them.
        tokenizer: The tokenizer of the policy.
        data: The block ``data`` of the configuration.

    Raises:
        DataError: a prompt is longer, and neither to be left out nor to be cut; or no prompt is left.
    """
    most, options = data["max_prompt_length"], data["apply_chat_template_kwargs"]

    def is_short(row: Mapping[str, Any]) -> bool:
        text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True, **options)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= most

    short = rows.filter(is_short, load_from_cache_file=False, keep_in_memory=True)
    longer = f"{len(rows) - len(short)} of {len(rows)} prompts are longer than data.max_prompt_length, {most} tokens"
    if not len(short):
        raise DataError(f"{longer}; none is left")
    if len(short) < len(rows) and not data["filter_overlong_prompts"]:
        if data["truncation"] == "error":
            raise DataError(f"{longer}. Set data.filter_overlong_prompts=true, or a larger data.max_prompt_length")
        logger.warning("%s, and TRL does not cut prompts: they are left out", longer)
    return short
