"""Numbers of a table from scored samples: what is counted, and over what."""

import pytest

from gd2po.evaluation.api_bank import FLAWED, LEVELS, ItemError, flaw_notes, score, summarise
from gd2po.evaluation.results import SHARE
from gd2po.intervals import average, share

RIGHT = {"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}
WRONG = {"name": "Hire", "parameters": {}}


@pytest.fixture
def sample(item, reply):
    """A scored sample of any name; its answer is right, wrong, or failed."""
    scores = {call["name"]: score(reply(call, think="w " * 256), item) for call in (RIGHT, WRONG)}

    def make(level: int, index: int, name: str = "Book", finish: str = "stop") -> dict:
        return {"id": f"Level{level}_{index}", "output": "", "finish": finish} | scores[name]

    return make


def by_name(samples) -> dict:
    return {score.name: score for score in summarise(samples)}


def test_all_right(sample) -> None:
    scores = by_name(sample(level, index) for level, count in LEVELS.items() for index in range(count))
    assert {name.partition("/")[0] for name in scores} == {"lv1", "lv2", "lv3", "micro", "macro"}
    assert all(score.value == 1 and score.high == 1 for score in scores.values() if score.unit == SHARE)
    counts = {name: scores[f"{name}/strict"].count for name in ("lv1", "lv2", "lv3", "micro", "macro")}
    assert counts == {"lv1": 399, "lv2": 67, "lv3": 131, "micro": 597, "macro": 597}
    unflawed = {name: scores[f"{name}/strict_unflawed"].count for name in ("lv1", "lv2", "lv3", "micro")}
    assert unflawed == {"lv1": 386, "lv2": 61, "lv3": 131, "micro": 578}
    assert (scores["micro/length"].value, scores["micro/think_words"].value) == (0.5, 256)
    assert scores["micro/length"].correct is None and scores["macro/strict"].correct is None


def test_missing_and_failed_samples_are_wrong(sample) -> None:
    scores = by_name([sample(2, 0), sample(2, 1, finish="error"), sample(2, 2, "Hire"), sample(2, 3, finish="length")])
    assert {name.partition("/")[0] for name in scores} == {"lv2"}
    strict, form, length = scores["lv2/strict"], scores["lv2/training_format"], scores["lv2/length"]
    assert (strict.correct, strict.count, strict.value) == (2, 67, 2 / 67)
    assert (strict.value, strict.low, strict.high) == share(2, 67)
    assert (form.correct, form.count) == (3, 67)
    assert length.value == pytest.approx(3 * 0.5 / 67)
    assert length.low < length.value < length.high


def test_flawed_items_are_left_out_of_the_unflawed_scores_only(sample) -> None:
    right_where_flawed = [sample(level, index) for level, flaws in FLAWED.items() for index in flaws]
    scores = by_name([*right_where_flawed, sample(3, 0, "Hire")])
    assert (scores["micro/strict"].correct, scores["micro/strict_unflawed"].correct) == (19, 0)
    assert (scores["lv2/published"].correct, scores["lv2/published_unflawed"].correct) == (6, 0)


def test_micro_counts_items_and_macro_counts_levels(sample) -> None:
    scores = by_name([*(sample(2, index) for index in range(67)), sample(1, 0, "Hire"), sample(3, 0, "Hire")])
    assert scores["micro/strict"].value == 67 / 597
    macro = scores["macro/strict"]
    assert macro.value == pytest.approx(1 / 3)
    assert (macro.value, macro.low, macro.high) == average([share(0, 399), share(67, 67), share(0, 131)])


def test_no_sample_no_score() -> None:
    assert summarise([]) == ()


@pytest.mark.parametrize("name", ["Level1_399", "Level4_0", "Level1_-1", "lv1_0", "Level2_67 "])
def test_an_unknown_sample_is_refused(sample, name) -> None:
    with pytest.raises(ItemError, match="no sample"):
        summarise([sample(1, 0) | {"id": name}])


def test_a_sample_that_is_there_twice_is_refused(sample) -> None:
    with pytest.raises(ItemError, match="Level1_7 is there twice"):
        summarise([sample(1, 7), sample(1, 7, "Hire")])


def test_the_flaws_are_told_per_level_and_kind() -> None:
    notes = flaw_notes([2, 1, 3])
    assert len(notes) == 3
    assert notes[2] == (
        "lv2: the gold call is of a tool that the prompt does not offer (items 6, 13, 14, 19, 25, 54 of 0–66)"
    )
    assert flaw_notes([3]) == ()
