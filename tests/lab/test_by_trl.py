"""The lab's trainings by TRL, and the script for a machine with a GPU, in small."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

from gd2po.lab.by_trl import device_name, train_by_trl
from gd2po.lab.page import read_summary
from gd2po.lab.results import ResultFolder, Setup
from gd2po.lab.trainings import plan_trainings, run_trainings

ROOT = Path(__file__).parents[2]
SETUP = Setup(host="trl", model="tiny", device="CPU")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of an untrained model that reads the dialogues."""
    from gd2po.quickstart.policy import PolicySize, make_policy
    from gd2po.quickstart.worlds.dialogues import demonstrations, generate

    folder = tmp_path_factory.mktemp("models") / "small"
    records = demonstrations(generate(50, 3, brief=True), 1, fault_share=0.3, long_thought=(2, 8))
    make_policy(records, folder, PolicySize(hidden=32, layers=1, context=256), seed=1)
    return folder


def test_validations_are_at_equal_points_and_methods_share_the_first(model, tmp_path):
    plan = plan_trainings(["tool-calling-2"], ["gdpo", "grpo"], 1, SETUP, str(model), steps=7)
    plan = [replace(training, size=replace(training.size, prompts=4, mini_batch=2, answers=2)) for training in plan]
    assert [said.split()[0] for _, said in run_trainings(plan, tmp_path, 1.0, train_by_trl)] == ["trained"] * 2
    gdpo, grpo = ResultFolder(tmp_path).results()
    assert gdpo.steps == grpo.steps == (0, 2, 4, 6, 7) and gdpo.trained_with == SETUP
    assert gdpo.rollouts == [[0.0], [64.0], [128.0], [192.0], [224.0]]
    assert gdpo.elapsed[0] == [0.0] and gdpo.elapsed == sorted(gdpo.elapsed) and gdpo.elapsed[1] > [0.0]
    assert {name: values[0] for name, values in gdpo.gold.items()} == {
        name: values[0] for name, values in grpo.gold.items()
    }
    assert "step 13 of 14" in (tmp_path / "trainings" / plan[0].name / "log.txt").read_text()


def test_the_script_for_a_gpu_trains_makes_a_page_and_goes_on(model, tmp_path):
    chosen = {"MODEL": str(model), "METHODS": "gdpo", "TASKS": "tool-calling-2", "SEEDS": "1", "STEPS": "1"}
    command = ["bash", "scripts/gpu_evidence.sh", "0.1", str(tmp_path / "gpu")]

    def run():
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | chosen | {"PYTHON": sys.executable, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    assert run().count("trained in") == 1 and run().count("is there") == 1
    [trained] = read_summary(tmp_path / "gpu" / "results.json").trained
    assert trained.setup == Setup(host="trl", model="small", device=device_name())
    assert trained.courses["tool-calling-2"].seeds == 1
    assert "1 seed, fewer than 5" in (tmp_path / "gpu" / "results.md").read_text(encoding="utf-8")
