"""Questions to a result folder: samples, resumption, notes, refusals."""

import json

import pytest

from gd2po.errors import SettingsError
from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.questions.run import evaluate
from gd2po.evaluation.questions.task import Measure
from gd2po.evaluation.results import read_summary

WARM = Decoding(temperature=0.6, top_p=0.95)
TWO = {
    "easy_0": ["yes", "yes"],
    "easy_1": ["no", "yes"],
    "hard_0": [None, "so long…"],
    "hard_1": ["no", "no"],
}


def test_every_response_is_a_sample_with_its_verdict(task, model, tmp_path):
    summary, samples = evaluate(task(samples=2, at=(2,)), model(**TWO), WARM, tmp_path)
    assert read_summary(tmp_path) == summary and summary.complete
    lines = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert lines == samples and [line["id"] for line in lines][:3] == ["easy/0#0", "easy/0#1", "easy/1#0"]
    assert [line["correct"] for line in lines] == [1, 1, 0, 1, 0, 0, 0, 0]
    failed = lines[4]
    assert (failed["finish"], failed["error"], "vowels" in failed) == ("error", "no memory", False)
    scores = {score.name: score.value for score in summary.scores}
    assert (scores["easy/pass@1"], scores["easy/pass@2"], scores["hard/pass@1"], scores["hard/cut"]) == (
        *(0.75, 1.0, 0.0),
        1 / 3,
    )
    assert summary.decoding == WARM.describe() | {"samples": 2, "exceed": 4000}
    assert "1 of 8 responses have no answer and count as wrong; the first, hard/0#0: no memory" in summary.notes
    assert "hard: nobody knows (questions 0 of 2); they count" in summary.notes


def test_each_response_has_a_seed_of_its_own_that_stays(task, model, tmp_path):
    first, second = model(**TWO), model(**TWO)
    evaluate(task(samples=2), first, WARM, tmp_path / "a")
    evaluate(task(samples=2), second, WARM, tmp_path / "b")
    seeds = {request.id: request.seed for request in first.requests}
    assert seeds == {request.id: request.seed for request in second.requests}
    assert len(set(seeds.values())) == 8 and all(0 <= seed < 2**31 for seed in seeds.values())


def test_more_samples_keep_those_that_there_are(task, model, tmp_path):
    evaluate(task(samples=1), model(**TWO), WARM, tmp_path)
    more = model(**TWO)
    summary, samples = evaluate(task(samples=2), more, WARM, tmp_path)
    assert {request.id for request in more.requests} == {"easy/0#1", "easy/1#1", "hard/0#0", "hard/0#1", "hard/1#1"}
    assert len(samples) == 8 and summary.decoding["samples"] == 2


def test_a_limit_is_marked(task, model, tmp_path):
    some = task().questions[:2]
    summary, _ = evaluate(task(questions=some), model(**TWO), Decoding(), tmp_path)
    assert not summary.complete and "only 2 of 4 questions were asked (limit)" in summary.notes


def test_the_judge_gets_only_what_was_generated_and_progress_is_told(task, model, tmp_path):
    seen = []
    evaluate(task(samples=2), model(**TWO), WARM, tmp_path, on_judged=lambda done, failed: seen.append((done, failed)))
    assert seen == [(count, 0) for count in range(1, 8)]


def test_several_greedy_responses_are_refused(task, model, tmp_path):
    with pytest.raises(SettingsError, match="samples is 2 at temperature 0"):
        evaluate(task(samples=2), model(**TWO), Decoding(), tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"questions": ()}, "there is no question to ask"),
        ({"samples": 2, "at": (3,)}, "pass@3 of 2 responses"),
        ({"samples": 0}, "samples is 0"),
        ({"exceed": 0}, "exceed is 0"),
    ],
)
def test_impossible_tasks_are_refused(fields, message, task):
    with pytest.raises(SettingsError, match=message):
        task(**fields)


def test_own_measures_reach_the_summary(task, model, tmp_path):
    measures = (Measure("vowels", "vowels", unit="vowels"),)
    summary, _ = evaluate(task(samples=2, measures=measures), model(**TWO), WARM, tmp_path)
    assert {score.name: score.count for score in summary.scores}["hard/vowels"] == 3
