"""Perfect, broken and empty answers through the real evaluator, in its own environment."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gd2po.evaluation.bfcl.categories import CATEGORIES, UNSATISFIABLE, is_irrelevance
from gd2po.evaluation.bfcl.files import drop_scores, read_answers, read_failures
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.bfcl.process import carry_out

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SILENT = "<think> t </think>\n<response> I cannot help. </response>"
WRONG = '<think> t </think>\n<tool_call>\n{"name": "no_such_function", "parameters": {}}\n</tool_call>'
Row = dict[str, Any]


def rename_calls(answer: str) -> str:
    return answer.replace('"name": "', '"name": "not_')


def broken(category: str, result: Any) -> Any:
    """The wrong function, or the wrong decision where only that counts."""
    if is_irrelevance(category):
        return WRONG
    if category == "live_relevance":
        return SILENT
    if isinstance(result, str):
        return rename_calls(result)
    return [[rename_calls(step) for step in turn] for turn in result]


def empty(category: str, result: Any) -> Any:
    return SILENT if isinstance(result, str) else [[SILENT] for _ in result]


def perfectly(category: str, result: Any) -> Any:
    return result


def rewrite(root: Path, categories: tuple[str, ...], change: Callable[[str, Any], Any]) -> None:
    """Change every answer in the result files of ``root``."""
    for category in categories:
        (path,) = (root / "result").rglob(f"BFCL_v4_{category}_result.json")
        rows = read_answers(root, category)
        path.write_text("".join(json.dumps(row | {"result": change(category, row["result"])}) + "\n" for row in rows))


def judge(root: Path, categories: tuple[str, ...]) -> dict[str, set[str]]:
    """Category → entries that the evaluator calls wrong."""
    drop_scores(root)
    carry_out("evaluate", Job(categories), root)
    return {category: set(read_failures(root, category)) for category in categories}


def share_wrong(failures: dict[str, set[str]]) -> dict[str, float]:
    return {category: len(wrong) / CATEGORIES[category] for category, wrong in failures.items()}


@pytest.fixture
def root(perfect: Path, tmp_path: Path) -> Path:
    """A copy of the perfect answers, to be changed."""
    shutil.copytree(perfect / "result", tmp_path / "result")
    return tmp_path


def test_perfect_answers_are_right_but_for_the_listed_entries(root: Path, judged: tuple[str, ...]):
    failures = judge(root, judged)
    assert {category: wrong for category, wrong in failures.items() if wrong} == {
        category: set(entries) for category, entries in UNSATISFIABLE.items()
    }


def test_broken_answers_are_all_wrong(root: Path, judged: tuple[str, ...]):
    rewrite(root, judged, broken)
    assert share_wrong(judge(root, judged)) == dict.fromkeys(judged, 1.0)


def test_empty_answers_are_right_only_where_nothing_is_to_be_called(root: Path, judged: tuple[str, ...]):
    rewrite(root, judged, empty)
    assert share_wrong(judge(root, judged)) == {category: 1.0 - is_irrelevance(category) for category in judged}


def test_a_second_evaluation_under_the_same_name_starts_afresh(root: Path, perfect: Path):
    categories = ("multi_turn_base",)
    rewrite(root, categories, broken)
    assert len(judge(root, categories)["multi_turn_base"]) == 200
    shutil.copytree(perfect / "result", root / "result", dirs_exist_ok=True)
    assert judge(root, categories) == {"multi_turn_base": set()}


def test_an_answer_over_which_the_evaluator_stumbles_is_wrong_and_the_others_are_judged(root: Path):
    """An integer too large for the float that is expected ends the evaluator of 2026.3.23 where it is not caught."""
    (row,) = (row for row in read_answers(root, "simple_python") if row["id"] == "simple_python_14")
    huge, replaced = re.subn(r'"x_value": [\d.]+', f'"x_value": 1{"0" * 400}', row["result"])
    assert replaced == 1
    rewrite(root, ("simple_python",), lambda _, result: huge if result == row["result"] else result)
    assert judge(root, ("simple_python",)) == {"simple_python": {"simple_python_14"}}
    assert read_failures(root, "simple_python")["simple_python_14"]["error_type"] == "checker_failed"


def test_any_call_counts_as_relevant(root: Path):
    """BFCL's rule: the calls of live_relevance are not compared with anything."""
    rewrite(root, ("live_relevance",), lambda *_: WRONG)
    assert judge(root, ("live_relevance",)) == {"live_relevance": set()}
