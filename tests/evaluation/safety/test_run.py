"""From prompts to the result folder, with a policy and reward models that do as they are told."""

import json

import pytest

from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.results import ResultError, read_summary
from gd2po.evaluation.safety import scoring
from gd2po.evaluation.safety.comparison import read_baseline
from gd2po.evaluation.safety.fitting import Fitter
from gd2po.evaluation.safety.run import answer_items, check_baseline, score, write_result
from gd2po.rewards.models.contract import RewardModelError

SAID = {"how": "like this", "bomb": "build a bomb bomb", "no": "I'm sorry, no", "long": "word " * 12, "fail": None}
DECODING = Decoding(max_tokens=12, context=32)


@pytest.fixture
def run(policy, word_tokenizer, reward_models, folder):
    """The whole way for a task; the policy says what :data:`SAID` has for the last word of a prompt."""

    def all_steps(task, said=SAID, name="org/policy", to=folder, baseline=None):
        backend = policy(lambda text: said[text.split()[-1]], name)
        answers = answer_items(task, Fitter(word_tokenizer, 20).fit, backend, DECODING, to)
        scores = {reward: score(task, answers, reward, to) for reward in task.rewards.models}
        return write_result(task, answers, scores, to, baseline)

    return all_steps


def test_every_prompt_is_a_sample_with_all_its_fields(run, task, folder):
    _, samples = run(task("how", "bomb", "no", "long", "fail"))
    assert [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()] == samples
    how, bomb, no, long, fail = samples
    assert set(how) == {
        "id", "data_source", "prompt", "prompt_cut", "output", "finish", "prompt_tokens", "response_tokens", "error",
        "refusal", "score/helpful", "score/harm",
    }  # fmt: skip
    assert (how["score/helpful"], how["score/harm"], bomb["score/harm"]) == (2.0, 0.0, 2.0)
    assert no["refusal"] and not how["refusal"] and long["finish"] == "length"
    assert (fail["finish"], fail["score/helpful"], fail["score/harm"]) == ("error", None, None)


def test_the_summary_says_what_was_run_and_what_was_left_out(run, task, folder):
    summary, _ = run(task("how", "bomb", "no", "long", "fail", total=9))
    assert read_summary(folder) == summary
    assert (summary.benchmark, summary.model, summary.complete) == ("safety", "policy", False)
    assert list(summary.version) == ["toy/test.parquet", "reward helpful", "reward harm"]
    scores = {score.name: score for score in summary.scores}
    assert (scores["toy/helpful"].value, scores["toy/helpful"].count) == ((2 + 4 + 3 + 12) / 4, 4)
    assert scores["toy/harm"].value == 0.5 and scores["toy/refusals"].value == 0.25
    said = "\n".join(summary.notes)
    assert "only 5 of 9 prompts were asked (limit)" in said
    assert "1 of 5 prompts have no answer and are in no number; the first, org/toy/4: context_length_exceeded" in said
    assert "harm: org/cost, minimize" in said and "left out, since no model gives them: short" in said


def test_one_reward_model_at_a_time_and_each_is_checked(run, task, reward_models):
    run(task("how", "no"))
    assert reward_models.loaded == reward_models.checked == ["helpful", "harm"] and reward_models.most_open == 1


def test_policy_and_reward_models_read_the_same_cut_prompt_unless_asked_for_all(run, task, reward, reward_models):
    asked = task("a " * 30 + "how")
    asked.rewards.models["harm"] = reward("minimize", prompt="full")
    summary, samples = run(asked)
    seen = {name: messages[-1]["content"] for name, messages, _ in reward_models.asked}
    assert len(seen["helpful"].split()) == 16 and seen["harm"] == "a " * 30 + "how"
    assert samples[0]["prompt_cut"] == "text"
    assert any(note.startswith("1 of 1 prompts were longer than 20 tokens: 0 lost") for note in summary.notes)


def test_equal_prompts_are_counted_and_noted(run, task):
    summary, samples = run(task("how", "how", "no"))
    assert samples[0]["prompt"] == samples[1]["prompt"] != samples[2]["prompt"]
    assert {score.name: score.count for score in summary.scores}["toy/helpful@1"] == 1
    assert any(note.startswith("2 of 3 prompts occur more than once") for note in summary.notes)


def test_what_is_not_scored_is_named(run, task, reward_models):
    reward_models.scores["harm"] = lambda messages, response: None if "bomb" in response else 0.0
    summary, samples = run(task("how", "bomb"))
    assert samples[1]["score/harm"] is None
    assert (
        "harm: 1 of 2 answers are not scored and in none of its numbers; the first, org/toy/1: no answer"
        in summary.notes
    )


def test_after_a_failing_reward_model_nothing_is_done_twice(run, task, reward_models, dead, policy, folder):
    harm = reward_models.scores["harm"]
    reward_models.scores["harm"] = dead
    with pytest.raises(RewardModelError, match="gave no score"):
        run(task("how", "bomb"))
    assert not (folder / "summary.json").exists()
    reward_models.scores["harm"] = harm
    reward_models.asked.clear()
    summary, _ = run(task("how", "bomb"), said={})  # the answers are there: nothing is looked up
    assert [name for name, _, _ in reward_models.asked] == ["harm", "harm"]
    assert summary.complete


def test_a_direction_that_the_check_refuses_can_be_mended_without_a_new_folder(
    run, task, reward, reward_models, monkeypatch
):
    async def refuse(client, settings, direction):
        if (client.name, direction) == ("harm", "maximize"):
            raise RewardModelError("its sign looks inverted")

    monkeypatch.setattr(scoring, "check_scores", refuse)
    asked = task("how", "bomb")
    asked.rewards.models["harm"] = reward("maximize")
    with pytest.raises(RewardModelError, match="inverted"):
        run(asked)
    asked.rewards.models["harm"] = reward("minimize")
    assert run(asked)[0].complete


def test_a_second_model_is_compared_on_the_same_prompts(run, task, tmp_path):
    asked = task("how", "bomb", "no")
    run(asked, name="base", to=tmp_path / "base")
    baseline = read_baseline(tmp_path / "base")
    check_baseline(asked, baseline, DECODING, tmp_path / "new")
    better = SAID | {"bomb": "this is a safe one", "how": "like this now"}
    summary, _ = run(asked, said=better, name="new", to=tmp_path / "new", baseline=baseline)
    scores = {score.name: score.value for score in summary.scores}
    assert scores["toy/helpful/wins"] == pytest.approx(2.5 / 3) and scores["toy/harm/wins"] == pytest.approx(2 / 3)
    assert scores["toy/improved_on_all"] == pytest.approx(1 / 3)
    assert any(note.startswith("compared with base") for note in summary.notes)
    with pytest.raises(ResultError, match="max_tokens is 9 here and 12 there"):
        check_baseline(asked, baseline, Decoding(max_tokens=9, context=32), tmp_path / "other")
