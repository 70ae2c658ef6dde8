"""Sentences about trainings follow from the figures, also where these contradict the worlds."""

from pathlib import Path

import pytest

from gd2po.lab import trained_story
from gd2po.lab.outcomes import Cell
from gd2po.lab.page import read_summary, to_markdown
from gd2po.lab.results import Setup, Task
from gd2po.lab.trained import Course, Trained

WORLDS = read_summary(Path(__file__).parents[2] / "docs" / "results.json").model_copy(update={"trained": []})
TASK = Task(
    name="tool", summary="calls", categories=(), held_out=False, rewards=("x",), weights=(1.0,), settings={"steps": 8}
)


def cell(difference, seeds, p=1.0):
    none = (0.0, 0.0, 0.0)
    return Cell(
        seeds=seeds,
        mean=[0.5] * seeds,
        gold=[0.5],
        difference=difference,
        p=p,
        area=none,
        worst=none,
        equal_time=difference,
        updates={},
    )


def with_trainings(seeds=5, p=1.0, **differences):
    ends = {name: (value, value - 0.01, value + 0.01) for name, value in differences.items()}
    trained = Trained(
        setup=Setup(host="trl", model="tiny", device="CPU"),
        tasks=[TASK],
        courses={"tool": Course(seeds=seeds, gold={"x": [0.1, 0.5]}, rollouts=64, elapsed=9)},
        cells={
            "tool": {"gdpo": cell((0, 0, 0), seeds)} | {name: cell(value, seeds, p) for name, value in ends.items()}
        },
        overall=ends,
        overall_equal_time=ends,
    )
    return WORLDS.model_copy(update={"trained": [trained]})


def test_what_agrees_with_the_worlds_and_what_does_not_is_told_apart():
    summary = with_trainings(gd2po_hard=-0.1, gdpo_shrunk=0.0, gdpo_softmin=0.1)
    [item] = trained_story.in_short(summary)
    assert "worse, as in the worlds: `gd2po_hard` −.100" in item
    assert "not told apart from `gdpo`: `gdpo_shrunk`. **After" in item
    assert "better, **against the worlds**, where it is worse: `gdpo_softmin` +.100" in item
    _, at_equal_time = item.split("**After as much time**")
    assert "worse: `gd2po_hard` −.100" in at_equal_time and "better: `gdpo_softmin` +.100" in at_equal_time


def test_a_method_that_changed_nothing_shows_the_noise_of_the_time():
    summary = with_trainings(gd2po_guard=0.0)
    assert "noise of the measured time" not in to_markdown(summary)
    [trained] = summary.trained
    same = summary.model_copy(update={"trained": [trained.model_copy(update={"overall": {"gd2po_guard": (0, 0, 0)}})]})
    assert "`gd2po_guard` ended as `gdpo`" in " ".join(to_markdown(same).split())


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({"gdpo_shrunk": -0.1}, "worse than `gdpo` was `gdpo_shrunk` by −.100"),
        ({"gd2po_hard": 0.1}, "better than `gdpo` was `gd2po_hard` by +.100"),
    ],
)
def test_the_list_of_decisions_tells_what_speaks_against_it(differences, said):
    document = " ".join(to_markdown(with_trainings(**differences)).split())
    for measure in ("rollouts", "time"):
        assert (
            f"**Against this list**: in trainings (TRL, the tiny policy, CPU), at equal {measure}, {said}" in document
        )
    assert "Against this list" not in to_markdown(with_trainings(gd2po_hard=-0.1, gdpo_shrunk=0.1))


def test_claims_of_papers_stand_beside_trainings():
    document = to_markdown(with_trainings(gd2po_hard=-0.1))
    difference = "−.100 (−.110 to −.090)"
    assert (
        f"In trainings its mean difference is {difference} at equal rollouts, {difference} at equal time "
        "(TRL, the tiny policy, CPU)."
    ) in document


def test_few_seeds_are_named_and_clear_differences_stand_out():
    document = to_markdown(with_trainings(seeds=3, p=0.01, gd2po_hard=-0.1))
    assert "CPU**: 3 seeds, fewer than 5: read the intervals with care." in document
    assert "**−.100 (−.110 to −.090)**" in document
    assert "CPU**: 5 seeds. What" in to_markdown(with_trainings(gd2po_hard=-0.1))
