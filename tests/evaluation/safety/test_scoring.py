"""Every answer is scored once, whatever happens in between."""

import json

import pytest

from gd2po.evaluation.journal import JournalError
from gd2po.evaluation.safety.scoring import CONCURRENCY, AnswerToScore, score_answers
from gd2po.rewards.models.contract import RewardModelError

ASKED = [
    AnswerToScore(f"s/{number}", ({"role": "user", "content": "q"},), "word " * number) for number in range(1, 101)
]


@pytest.fixture
def score(reward, tmp_path, reward_models):
    def run(answers=ASKED, origin="one", **options):
        return score_answers("helpful", reward(), answers, tmp_path / "scores.jsonl", {"reward": origin}, **options)

    return run


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()[1:]]


def test_every_answer_gets_its_own_score(score, reward_models, tmp_path):
    seen = []
    scores = score(on_progress=lambda done, failed: seen.append((done, failed)))
    assert {id: scored.score for id, scored in scores.items()} == {f"s/{number}": number for number in range(1, 101)}
    assert sum(scored.cut for scored in scores.values()) == 88, "responses of more than 60 characters"
    assert seen[0] == (0, 0) and seen[-1] == (100, 0) and len(lines(tmp_path)) == 100
    assert reward_models.checked == ["helpful"]


def test_what_is_scored_is_not_asked_again_nor_the_model_loaded(score, reward_models, tmp_path):
    score()
    again = score()
    assert reward_models.loaded == ["helpful"] and len(lines(tmp_path)) == 100
    assert again == {id: scored for id, scored in again.items() if scored.score is not None}
    assert [answer.id for answer in ASKED] == list(again)


def test_a_model_that_dies_stops_the_run_and_the_same_call_goes_on(score, reward_models, dead, tmp_path):
    count = reward_models.scores["helpful"]
    reward_models.scores["helpful"] = lambda messages, response: (
        dead() if len(reward_models.asked) > 40 else count(messages, response)
    )
    with pytest.raises(RewardModelError, match="the model m at http://h gave no score"):
        score()
    kept = {line["id"] for line in lines(tmp_path)}
    assert 40 - CONCURRENCY <= len(kept) <= 40
    assert reward_models.open_now == 0, "the model was left loaded"
    reward_models.asked.clear()
    reward_models.scores["helpful"] = count
    assert [scored.score for scored in score().values()] == list(range(1, 101))
    assert len(reward_models.asked) == 100 - len(kept) and len({line["id"] for line in lines(tmp_path)}) == 100


def test_an_answer_that_is_not_scored_is_kept_as_such_and_asked_again(score, reward_models):
    count = reward_models.scores["helpful"]
    reward_models.scores["helpful"] = lambda messages, response: None if len(response) == 15 else count(0, response)
    seen = []
    scores = score(on_progress=lambda done, failed: seen.append((done, failed)))
    assert (scores["s/3"].score, scores["s/3"].failure) == (None, "no answer") and seen[-1] == (99, 1)
    reward_models.asked.clear()
    reward_models.scores["helpful"] = count
    assert score()["s/3"].score == 3 and len(reward_models.asked) == 1


def test_another_answer_under_the_same_id_is_scored_anew(score, reward_models):
    score()
    reward_models.asked.clear()
    changed = [AnswerToScore("s/1", ASKED[0].messages, "other words here"), *ASKED[1:]]
    assert score(changed)["s/1"].score == 3 and len(reward_models.asked) == 1


def test_scores_of_another_model_are_not_mixed_in(score, reward_models):
    score()
    with pytest.raises(JournalError, match="holds scores of another run: reward was 'one', is 'two'"):
        score(origin="two")


def test_the_check_can_be_left_out(score, reward_models):
    score(check=False)
    assert reward_models.checked == [] and len(reward_models.asked) == 100
