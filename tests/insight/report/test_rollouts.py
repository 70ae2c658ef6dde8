"""The dump is read a line at a time; only the strongest conflicts come back with their texts."""

import os
import tracemalloc

from gd2po.insight.report.rollouts import RolloutDump

EQUAL = {"useful": 1.0, "harmless": 1.0}


def test_query_weights_are_counted_by_query(new_run):
    run = new_run("a").dump(
        1,
        changes={
            0: {"query_weight": 0.0},
            1: {"query_weight": 0.0},
            2: {"query_weight": 1.0},
            3: {"query_weight": 1.0},
        },
    )
    dump = RolloutDump(run.folder / "rollouts", 3).read_on(1, EQUAL)[1]
    assert dump.weights == {0: 1, 5: 2, 10: 1}


def test_the_strongest_conflicts_come_one_a_query(new_run):
    run = new_run("a").dump(1).dump(2)
    rollouts = RolloutDump(run.folder / "rollouts", 3)
    rows = list(rollouts.strongest(rollouts.read_on(2, EQUAL)))
    assert [row["output"] for row in rows] == [
        "response 7 of step 2",
        "response 7 of step 1",
        "response 5 of step 2",
    ]
    assert [round(row["cancelled"], 6) for row in rows] == [0.7, 0.7, 0.5]


def test_weights_and_missing_scores_count_as_in_training(new_run):
    run = new_run("a").dump(1, changes={7: {"adv/useful": None}})
    rollouts = RolloutDump(run.folder / "rollouts", 1)
    (row,) = rollouts.strongest(rollouts.read_on(1, {"useful": 1.0, "harmless": 0.5}))
    assert row["output"] == "response 6 of step 1" and round(row["cancelled"], 6) == 0.3


def test_steps_that_are_not_finished_wait(new_run):
    run = new_run("a").dump(1).dump(2)
    assert list(RolloutDump(run.folder / "rollouts", 3).read_on(1, EQUAL)) == [1]


def test_a_file_is_read_again_when_it_has_changed_and_only_then(new_run):
    run = new_run("a").dump(1).dump(2)
    rollouts = RolloutDump(run.folder / "rollouts", 3)
    before = rollouts.read_on(2, EQUAL)
    run.dump(2, rows=2)
    os.utime(run.folder / "rollouts" / "2.jsonl", ns=(1, 1))
    after = rollouts.read_on(2, EQUAL)
    assert after[1] is before[1]
    assert after[2].weights == {5: 1}


def test_what_is_no_rollout_is_counted(new_run):
    run = new_run("a").dump(1, changes={0: {"query_weight": None, "conflict": None}})
    path = run.folder / "rollouts" / "1.jsonl"
    with path.open("ab") as file:
        file.write(b'{"broken": \n\xff\xfe\n[1]\n{"input": "still being wri')
    dump = RolloutDump(path.parent, 3).read_on(1, EQUAL)[1]
    assert (dump.unread, dump.without_record) == (3, 1)
    assert dump.weights == {5: 4}


def test_texts_are_not_kept(new_run):
    long = {number: {"input": "x" * 100_000} for number in range(60)}
    run = new_run("a").dump(1, rows=60, changes=long).dump(2, rows=60, changes=long)
    rollouts = RolloutDump(run.folder / "rollouts", 3)
    tracemalloc.start()
    rollouts.read_on(2, EQUAL)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000 and peak < 2_000_000
