"""Numbers, tables and notes in a terminal."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from gd2po.evaluation.console import NumberFormat, score_table, show_result, with_line_below
from gd2po.evaluation.results import Score, Summary

SCORE = Score("a/share", 0.12345, 0.1, 0.15, 9)
SUMMARY = Summary("b", {}, "m", {}, {}, {}, "", 1.25, True, (), ("a note with [brackets]",))


@pytest.mark.parametrize(
    ("number", "value", "interval"),
    [
        (NumberFormat(), "0.12", "0.10–0.15"),
        (NumberFormat(100, 1, 0), "12.3", "10–15"),
        (NumberFormat(100, 1, suffix=" %", dash=" to "), "12.3 %", "10.0 to 15.0"),
    ],
)
def test_a_score_is_written_in_the_format_of_its_unit(number, value, interval):
    assert (number.value(SCORE), number.interval(SCORE)) == (value, interval)
    assert number.interval(dataclasses.replace(SCORE, low=None)) == ""


def test_a_table_its_notes_and_its_files_are_shown_as_they_are_written():
    console = Console(file=io.StringIO(), width=60)
    rows = [["[x]", "1", with_line_below("2.0", "1–3")], ["longer", "22", with_line_below("3.0", "")]]
    show_result(score_table(["", "n", "value"], rows, "A [title]"), SUMMARY, Path("out"), console)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "    A [title]",
        "         n  value",
        "[x]      1    2.0",
        "              1–3",
        "longer  22    3.0",
        "· a note with [brackets]",
        "out: samples.jsonl, summary.json (1.2 s)",
    ]
