"""What is written is what is read, whole or not at all."""

import dataclasses
import json

import pytest

from gd2po.evaluation.results import (
    SAMPLES,
    SUMMARY,
    ResultError,
    Score,
    Summary,
    read_summary,
    write_result,
    write_summary,
)

RESULT = Summary(
    benchmark="api-bank",
    version={"lv1": "ab" * 32},
    model="Größe 7B",
    backend={"name": "vllm", "model_hash": "cd"},
    decoding={"temperature": 0.0},
    versions={"gd2po": "0.1.0"},
    started="2026-01-01T00:00:00Z",
    seconds=1.5,
    complete=True,
    scores=(Score("lv1/strict", 0.5, 0.4, 0.6, 399, 200), Score("lv1/length", 0.1, None, None, 399, unit="score")),
    notes=("one", "two"),
)


def test_a_summary_comes_back_as_it_was(tmp_path) -> None:
    write_summary(tmp_path, RESULT)
    assert read_summary(tmp_path) == RESULT
    assert [path.name for path in tmp_path.iterdir()] == [SUMMARY]


def test_samples_are_one_json_object_per_line(tmp_path) -> None:
    samples = [{"id": "a", "output": "line\nbreak \u2028 ü", "finish": "stop"}, {"id": "b"}]
    write_result(tmp_path, RESULT, iter(samples))
    lines = (tmp_path / SAMPLES).read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == samples and lines[-1] == ""


def test_what_cannot_be_written_leaves_the_old_file(tmp_path) -> None:
    write_summary(tmp_path, RESULT)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_summary(tmp_path, dataclasses.replace(RESULT, seconds=float("nan")))
    assert read_summary(tmp_path) == RESULT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no result summary"),
        ("[]", "is no result summary"),
        ("{}", "is no result summary"),
        ('{"schema": 1, "scores": []}', "is no result summary"),
        (json.dumps(dataclasses.asdict(RESULT) | {"extra": 1}), "is no result summary"),
        (json.dumps(dataclasses.asdict(RESULT) | {"scores": [{"name": "x"}]}), "is no result summary"),
        ('{"schema": 2, "other": "fields"}', "has layout 2, expected 1; evaluate again"),
    ],
)
def test_another_layout_is_refused(tmp_path, content, says) -> None:
    (tmp_path / SUMMARY).write_text(content)
    with pytest.raises(ResultError, match=says):
        read_summary(tmp_path)


def test_a_folder_without_a_summary_is_refused(tmp_path) -> None:
    with pytest.raises(ResultError, match=r"holds no summary\.json"):
        read_summary(tmp_path)


def test_a_result_without_a_word_on_what_is_better_is_judged_by_its_unit(tmp_path) -> None:
    """As all results before that word was there."""
    content = dataclasses.asdict(RESULT)
    for score in content["scores"]:
        del score["better"]
    (tmp_path / SUMMARY).write_text(json.dumps(content))
    assert read_summary(tmp_path) == RESULT
    assert [score.sign for score in read_summary(tmp_path).scores] == [1, 0]


@pytest.mark.parametrize(("better", "sign"), [("higher", 1), ("lower", -1), ("neither", 0)])
def test_what_is_better_can_be_said(better, sign) -> None:
    assert Score("a/cost", 0.5, None, None, 2, unit="reward", better=better).sign == sign
    assert Score("a/refusals", 0.5, None, None, 2, better=better).sign == sign
