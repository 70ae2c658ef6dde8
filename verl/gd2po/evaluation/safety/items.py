"""The prompts of an evaluation, from parquet files in verl's layout."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gd2po.data.published import Checksum
from gd2po.data.recipes import RECIPES
from gd2po.errors import GD2POError

Messages = tuple[dict[str, str], ...]

FILES = tuple(recipe for recipe in RECIPES if recipe.name in ("alpaca/test", "hh_rlhf/test", "pku_saferlhf/test"))
"""The published validation sets."""


class PromptsError(GD2POError, ValueError):
    """Files without usable prompts."""


@dataclass(frozen=True, slots=True)
class SafetyPrompt:
    """One prompt.

    Attributes:
        id: The data source and the position among its rows, such as ``Stanford Alpaca/0``.
        data_source: The published name of the data source.
        messages: The whole conversation, which ends with the user's turn.
    """

    id: str
    data_source: str
    messages: Messages


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files at some paths; a folder stands for the three validation sets that ``gd2po data prepare`` made in it.

    Raises:
        PromptsError: A file is absent.
    """
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    for file in files:
        if not file.is_file():
            raise PromptsError(f"{file}: there is no such file")
    return files


def _in_folder(folder: Path) -> list[Path]:
    absent = [recipe.name for recipe in FILES if not recipe.path(folder).is_file()]
    if absent:
        sets = [name.partition("/")[0] for name in absent]
        commands = " && ".join([f"gd2po data get {' '.join(absent)}", *(f"gd2po data prepare {name}" for name in sets)])
        raise PromptsError(
            f"{folder} holds no {', '.join(f'{name}.parquet' for name in absent)}; run `{commands}`, or name the files "
            "to evaluate on"
        )
    return [recipe.path(folder) for recipe in FILES]


def read_items(files: Sequence[Path], limit: int | None = None) -> tuple[list[SafetyPrompt], int]:
    """The prompts of all files, in their order, and their number without the limit.

    Args:
        files: Parquet files with the columns ``data_source`` and ``prompt``.
        limit: The most prompts of each data source, for a quick look.

    Raises:
        PromptsError: A file has another layout, or there is no prompt.
    """
    counts: Counter[str] = Counter()
    items = []
    for source, messages in (row for file in files for row in _rows(file)):
        if limit is None or counts[source] < limit:
            items.append(SafetyPrompt(f"{source}/{counts[source]}", source, messages))
        counts[source] += 1
    if not items:
        raise PromptsError(f"{', '.join(map(str, files))}: no prompt in it")
    return items, counts.total()


def checksums(files: Sequence[Path]) -> Mapping[str, str]:
    """SHA-256 of each file, by its last two names."""
    return {"/".join(file.resolve().parts[-2:]): Checksum("sha256", "").of(file).value for file in files}


def _rows(file: Path) -> list[tuple[str, Messages]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file, columns=["data_source", "prompt"]).to_pylist()
        return [(str(row["data_source"]), _messages(row["prompt"])) for row in table]
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise PromptsError(
            f"{file} is no file of prompts ({error!r:.200}); expected parquet with data_source and prompt, a list of "
            "{role, content} that ends with the user's turn"
        ) from error


def _messages(prompt: Sequence[Mapping[str, str]]) -> Messages:
    messages = tuple({"role": str(message["role"]), "content": str(message["content"])} for message in prompt)
    if not messages or messages[-1]["role"] != "user":
        raise ValueError(f"a prompt has the roles {[message['role'] for message in messages]}")
    return messages
