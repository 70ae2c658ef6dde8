"""gd2po plan as a user types it."""

import json

import pytest
from omegaconf import OmegaConf
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.hosts.verl.preflight.plan.composing import compose_run

RUN = ("tool-calling", "gd2po_hard")


def run(*arguments: object):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


@pytest.mark.parametrize("columns", [80, 140])
def test_a_screen_shows_who_is_where_and_stays_within_its_columns(monkeypatch, model_folder, prompts, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    split = "actor_rollout_ref.rollout.tensor_model_parallel_size=2"
    shown = run(*RUN, model_folder(), f"data.train_files={prompts(3920)}", split, "--gpu-memory", 40)
    assert shown.exit_code == 0, shown.output
    lines = [line.rstrip() for line in shown.output.splitlines()]
    assert max(map(len, lines)) <= columns
    assert "  worker      0 1 2 3 4 5 6 7" in lines
    assert "  replica     0 0 1 1 2 2 3 3" in lines
    assert "nothing was started" in lines[1]
    assert any("210 steps" in line for line in lines)
    assert any("18.5 GB each" in line for line in lines)


def test_a_run_of_the_v0_trainer_has_the_plan_of_one_in_v1(model_folder, prompts):
    arguments = (*RUN, model_folder(), f"data.train_files={prompts(3920)}", "--json")
    v1, v0 = run(*arguments), run(*arguments, "trainer.use_v1=false")
    assert v0.exit_code == 0 and json.loads(v0.stdout) == json.loads(v1.stdout)


def test_json_has_every_number(model_folder, prompts):
    shown = run(*RUN, model_folder(), f"data.train_files={prompts(3920)}", "--json", "--gpu-memory", 80)
    numbers = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert numbers["shape"]["parameters"] == 1_543_714_304
    assert numbers["layout"]["data_parallel"] == numbers["layout"]["world"] == 8
    assert numbers["memory"]["peak"] == max(phase["bytes"] for phase in numbers["memory"]["phases"])
    assert numbers["refusals"] == []


def test_weights_that_move_are_shown(model_folder):
    shown = run(
        *RUN,
        model_folder(),
        "algorithm.gd2po.rewards.correctness.weight={from: 0.2, to: 1.0, steps: 100}",
        "+algorithm.gd2po.rewards.length.target=0.5",
    )
    text = " ".join(shown.stdout.split())
    assert "correctness 0.2 → 1 (linear, steps 1 to 100)" in text
    assert "length learned, from 1, within 0 and 10, so that the mean is at least 0.5" in text
    assert "Weights" not in run(*RUN, model_folder()).stdout


def test_an_impossible_split_ends_with_2(model_folder):
    shown = run(*RUN, model_folder(), "actor_rollout_ref.rollout.tensor_model_parallel_size=8")
    assert shown.exit_code == 2
    assert "refused" in shown.stdout and "12 attention heads" in shown.stdout


def test_a_model_that_is_not_here_is_planned_without_memory():
    shown = run(*RUN, "Qwen/Qwen2.5-1.5B-Instruct")
    assert shown.exit_code == 0
    assert "Memory of a GPU" not in shown.stdout
    assert "Qwen/Qwen2.5-1.5B-Instruct is no model on this machine" in " ".join(shown.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tool-calling",), "expected TASK METHOD MODEL"),
        (("tool-calling", "gd2po_sure", "/m"), "method=gd2po_sure does not exist. Did you mean"),
        (("tool-talking", "gd2po_hard", "/m"), "no base.yaml of task 'tool-talking'"),
        (
            ("tool-calling", "gd2po_hard", "/m", "data.batch=1"),
            "has no key data.batch. To add it",
        ),
        (("absent.yaml",), "there is no file absent.yaml"),
    ],
)
def test_wrong_use_is_a_message(arguments, said):
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert said in shown.output and "Traceback" not in shown.output


def test_a_composed_file_is_planned_as_its_arguments_are(tmp_path, model_folder):
    config = compose_run([*RUN, str(model_folder())])
    OmegaConf.save(config, tmp_path / "config.yaml")
    again = compose_run([str(tmp_path / "config.yaml"), "trainer.n_gpus_per_node=4"])
    assert again.trainer.n_gpus_per_node == 4
    assert again.actor_rollout_ref.model == config.actor_rollout_ref.model


def test_on_cpu_it_plans_what_the_machine_will_do(plan_of):
    plan = plan_of("scale=cpu")
    assert (plan.device, plan.layout.engine, plan.layout.world, plan.memory) == ("cpu", "transformers", 1, None)
    assert plan.cpu_bytes > 20 * 1_543_714_304
    assert plan.refusals == ()
