"""The metrics of TRL as the quickstart's table reads them."""

import json

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.quickstart import Plan
from gd2po.quickstart import by_trl as module
from gd2po.quickstart.by_trl import train_by_trl
from gd2po.quickstart.summary import table
from gd2po.runs.process import TrainingError


def evaluation(value):
    return {f"eval_reward/{name}/mean": value for name in ("correctness", "format", "length")} | {"eval_loss": 0.0}


def update(**more):
    return {"grad_norm": 1.0, "timing_s/step": 2.0, **more}


GENERATED = {"conflict/rate": 0.4, "conflict/masked": 0.25, "completions/mean_length": 30.0}
LOGGED = [
    {"step": 0, "data": evaluation(-1.0)},
    {"step": 1, "data": update(**GENERATED)},
    {"step": 2, "data": update()},
    {"step": 3, "data": update(**GENERATED | {"conflict/masked": 0.75})},
    {"step": 4, "data": update()},
    {"step": 4, "data": evaluation(0.5)},
    {"step": 4, "data": {"train_loss": 0.0}},
]


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A quickstart whose trainer ends with an exit code and leaves metrics."""

    def run(code=0, logged=LOGGED):
        def stand_in(command, log, environment, watch):
            assert (
                command[2:6] == ["-m", "gd2po.cli", "train", "--host"] and "trainer.total_training_steps=2" in command
            )
            log.write_text("the end")
            (log.parent / "metrics-001.jsonl").write_text("".join(json.dumps(row) + "\n" for row in logged))
            watch()
            return code

        monkeypatch.setattr(module.runs, "run", stand_in)
        finished = []
        return train_by_trl(Plan(("gdpo",), 2, 1, tmp_path), "gdpo", finished.append), finished

    return run


def test_two_updates_are_one_step_under_verls_names(trained):
    steps, finished = trained()
    assert [step["step"] for step in steps] == [0, 1, 2] and finished == [2, 2]
    assert steps[0]["data"]["val-aux/rlla/length/mean@2"] == -1.0
    assert (steps[1]["data"]["timing_s/step"], steps[1]["data"]["response_length/mean"]) == (4.0, 30.0)
    assert steps[2]["data"]["val-aux/rlla/format/mean@2"] == 0.5


def test_the_table_of_the_quickstart_reads_them(trained, capsys, tmp_path):
    from rich.console import Console

    steps, _ = trained()
    Console(width=120).print(table({"gdpo": steps}, {}, Plan(("gdpo",), 2, 1, tmp_path)))
    shown = capsys.readouterr().out
    assert "-1.00 → 0.50" in shown and "40%" in shown and "50%" in shown and "8 s" in shown


@pytest.mark.parametrize(("code", "logged"), [(1, LOGGED), (0, LOGGED[:3])])
def test_a_training_that_ends_early_is_told_with_its_log(trained, code, logged):
    with pytest.raises(TrainingError, match=rf"gdpo ended with exit code {code}; the end of .*log.txt:\nthe end"):
        trained(code, logged)


def test_another_trainer_is_refused():
    shown = CliRunner().invoke(app, ["quickstart", "--host", "openrlhf"])
    assert shown.exit_code == 2 and "openrlhf" in shown.output
