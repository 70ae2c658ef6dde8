"""rlla_4k: its prompts are in verl's layout as published; its demonstrations are raw texts.

Rows that cannot be trained on are left out and reported, never refused: nobody but the authors could mend them.
"""

from pathlib import Path

from gd2po.data.checks import SCHEMA, check_row, read_rows
from gd2po.data.demonstrations import PromptTexts, prepare_demonstrations
from gd2po.data.tool_calling import ABILITY, write_prompts
from gd2po.data.writing import PrepareReport

_UNCHECKED = (
    "rlla_4k/test is not here, so a demonstration with a prompt of it was not looked for; get it, prepare again"
)


def prepare_prompts(published: Path, destination: Path) -> PrepareReport:
    """Write a published split again: rows checked, ``ability`` corrected (it says ``math``), no column but ours.

    Raises:
        DataError: A column is missing, or no row can be trained on.
    """
    rows = ({name: row[name] for name in SCHEMA.names} | {"ability": ABILITY} for row in read_rows(published))
    checked = [check_row(row, position) for position, row in enumerate(rows)]
    return write_prompts(checked, destination, drop_bad=True)


def prepare_warm_start(published: Path, destination: Path, test: Path | None) -> PrepareReport:
    """Write the demonstrations, without those whose prompt is also in the test split.

    Args:
        published: ``rlla_sft.json``.
        destination: The parquet file to write.
        test: The published test split; without it the report says that leaks were not looked for.

    Raises:
        DataError: No demonstration can be used.
    """
    return prepare_demonstrations(
        published,
        destination,
        split="sft",
        drop_bad=True,
        held_out=_prompts(test) if test else None,
        notes=() if test else (_UNCHECKED,),
    )


def _prompts(test: Path) -> dict[PromptTexts, str]:
    prompts = (row["prompt"] for row in read_rows(test))
    return {(system["content"], user["content"]): f"test row {index}" for index, (system, user) in enumerate(prompts)}
