"""Trainings in TRL: advantages, metrics, tables and files of real steps."""

import json

import pandas
import pytest
import torch

from gd2po.advantages import compute_rollout_advantages

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")


def read_rollouts(folder):
    files = sorted((folder / "rollouts").glob("*.jsonl"), key=lambda path: int(path.stem))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_two_steps_leave_metrics_rollouts_and_a_table(make_trainer, tmp_path, capsys):
    trainer = make_trainer()
    trainer.train()
    run = tmp_path / "run"
    lines = [json.loads(line) for line in (run / "metrics-001.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "conflict/rate" in line["data"]] == [1, 2]
    assert lines[0]["data"]["reward/letters/mean"] == pytest.approx(lines[0]["data"]["rewards/letters/mean"])
    rows = read_rollouts(run)
    assert len(rows) == 16 and len({row["uid"] for row in rows}) == 16
    table = pandas.read_parquet(run / "completions" / "completions_00002.parquet")
    second = rows[8:]
    for column in ("conflict", "kept", "query_weight", "adv/letters", "advantage"):
        assert table[column].tolist() == [row[column] for row in second]
    assert table["uid"].tolist() == [row["uid"].rsplit("_", 2)[0] for row in second]
    assert table["letters"].tolist() == [row["reward/letters"] for row in second]
    assert "step 2 of 2 | letters " in capsys.readouterr().out
    assert json.loads((run / "gd2po_settings.json").read_text())["estimator"] == "gd2po"


def test_advantages_are_those_of_the_core(make_trainer, tmp_path):
    trainer = make_trainer(per_device_train_batch_size=16, max_steps=1)
    trainer.train()
    rows = read_rollouts(tmp_path / "run")
    tokens = {"output": [len(ids) for ids in trainer.processing_class([row["output"] for row in rows])["input_ids"]]}
    scores = {name: torch.tensor([row[f"reward/{name}"] for row in rows]) for name in ("letters", "brevity")}
    groups = [row["uid"].rsplit("_", 2)[0] for row in rows]
    assert len(set(groups)) == 4
    result = compute_rollout_advantages(
        scores, groups, torch.tensor(tokens["output"]), **trainer.settings.advantage_arguments()
    )
    assert [row["kept"] for row in rows] == result.kept.tolist()
    assert [row["adv/letters"] for row in rows] == pytest.approx(result.per_reward["letters"].tolist(), abs=1e-6)
    advantages = torch.tensor([row["advantage"] for row in rows])
    assert (advantages[result.kept] != 0).all() and (advantages[~result.kept] == 0).all()


def test_one_function_of_several_named_scores_and_trls_own_names(make_trainer, tmp_path):
    def judge(completions, **_):
        rows = [
            {"letters": len(text), "brevity": None if row == 0 else -len(text)} for row, text in enumerate(completions)
        ]
        return rows

    settings = {"estimator": "gdpo", "rewards": {"letters": {}, "brevity": {"requires": {"letters": 3.0}}}}
    trainer = make_trainer(settings, judge, max_steps=1)
    trainer.train()
    assert trainer.reward_func_names == ["letters", "brevity"]
    assert read_rollouts(tmp_path / "run")[0]["reward/brevity"] is None
    assert trainer.state.log_history[0]["reward/brevity/missing"] == 1


def test_costs_count_negative_in_trls_own_reward(make_trainer):
    settings = {"estimator": "gdpo", "rewards": {"letters": {"weight": 2.0}, "brevity": {"direction": "minimize"}}}
    trainer = make_trainer(settings, max_steps=1)
    trainer.train()
    logged = trainer.state.log_history[0]
    total = 2 * logged["reward/letters/mean"] - logged["reward/brevity/mean"]
    assert logged["reward"] == pytest.approx(total, rel=1e-5)


def test_evaluation_has_metrics_of_its_own(make_trainer):
    from datasets import Dataset

    options = {"eval_strategy": "steps", "eval_steps": 1, "per_device_eval_batch_size": 4, "num_generations_eval": 2}
    trainer = make_trainer(
        max_steps=1, eval_dataset=Dataset.from_dict({"prompt": ["one two", "three four"]}), **options
    )
    trainer.train()
    (evaluated,) = [entry for entry in trainer.state.log_history if "eval_conflict/rate" in entry]
    assert evaluated["eval_groups/count"] == 2 and "eval_timing_s/gen" not in evaluated


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4},
        {"steps_per_generation": 2, "per_device_train_batch_size": 4, "num_iterations": 2, "max_steps": 4},
    ],
)
def test_batches_of_several_passes(make_trainer, tmp_path, options):
    trainer = make_trainer(**options)
    trainer.train()
    rows = read_rollouts(tmp_path / "run")
    assert len({row["uid"] for row in rows}) == len(rows)
    generations = trainer._state.generations
    assert len(rows) == 8 * generations
    assert generations == (2 if "gradient_accumulation_steps" in options else 1)


def test_a_resumed_run_goes_on_and_another_experiment_is_refused(make_trainer, tmp_path):
    from gd2po.errors import SettingsError

    make_trainer(max_steps=2, save_strategy="steps", save_steps=1).train()
    run = tmp_path / "run"
    trainer = make_trainer(max_steps=3, save_strategy="steps", save_steps=1)
    trainer.train(resume_from_checkpoint=str(run / "checkpoint-2"))
    assert trainer._state.generations == 3
    assert len({row["uid"] for row in read_rollouts(run)}) == 24
    files = sorted(run.glob("metrics-*.jsonl"))
    assert [{json.loads(line)["step"] for line in file.read_text().splitlines()} for file in files] == [{1, 2}, {3}]
    assert len((run / "gd2po_starts.jsonl").read_text().splitlines()) == 2
    other = make_trainer({"estimator": "gdpo", "rewards": {"letters": {}, "brevity": {}}}, max_steps=3)
    with pytest.raises(SettingsError, match="checkpoint of another experiment: its estimator is 'gd2po', now"):
        other.train(resume_from_checkpoint=str(run / "checkpoint-2"))


MOVING = {
    "estimator": "gdpo",
    "normalise": "floored",
    "rewards": {
        "letters": {"weight": {"from": 0.2, "to": 1.0, "steps": 3}},
        "brevity": {"target": -1.0, "rate": 0.5, "weight": 0.4},
    },
    "watch": ["vowels"],
}


def judge(completions, **_):
    """Two rewards, and a score that is only watched."""
    counts = [{"letters": len(text), "brevity": -len(text) / 2, "vowels": text.count("e")} for text in completions]
    return {name: [float(row[name]) for row in counts] for name in counts[0]}


def test_weights_move_and_are_resumed_and_a_score_is_watched(make_trainer, tmp_path, capsys):
    def figures(folder):
        files = sorted(folder.glob("metrics-*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return {line["step"]: line["data"] for line in lines if "conflict/rate" in line["data"]}

    checkpoints = {"save_strategy": "steps", "save_steps": 1}
    make_trainer(MOVING, judge, max_steps=2, **checkpoints).train()
    make_trainer(MOVING, judge, max_steps=3, **checkpoints).train(
        resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-2")
    )
    steps = figures(tmp_path / "run")
    assert [steps[step]["reward/letters/weight"] for step in (1, 2, 3)] == pytest.approx([0.2, 0.6, 1.0])
    multiplier = 0.4
    for step in (1, 2, 3):
        assert steps[step]["reward/brevity/weight"] == pytest.approx(multiplier)
        violation = -1.0 - steps[step]["reward/brevity/mean"]
        assert steps[step]["reward/brevity/violation"] == pytest.approx(violation)
        multiplier = min(10.0, max(0.0, multiplier + 0.5 * violation))
    rows = read_rollouts(tmp_path / "run")
    assert [row["weight/letters"] for row in rows[8:16]] == pytest.approx([0.6] * 8)
    assert all(row["watch/vowels"] == row["output"].count("e") for row in rows)
    assert "watch/vowels/mean" in steps[3] and "adv/vowels" not in rows[0]
    assert "| watched: vowels " in capsys.readouterr().out


def test_an_adapter_is_trained(make_trainer):
    peft = pytest.importorskip("peft", reason="peft is not installed")
    settings = {"estimator": "gdpo", "rewards": {"letters": {}, "brevity": {}}}
    trainer = make_trainer(settings, peft_config=peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]), max_steps=1)
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    assert before and all("lora" in name for name in before)
    assert any(
        not torch.equal(before[name], value) for name, value in trainer.model.named_parameters() if name in before
    )


def test_a_declared_reward_that_no_function_gives_is_refused(make_trainer):
    from gd2po.errors import SettingsError

    settings = {"rewards": {"letters": {}, "brevity": {}, "harm": {}}}
    with pytest.raises(
        SettingsError, match=r"names 'harm', but no reward function gives it \(they give: letters, brevity"
    ):
        make_trainer(settings)


def test_check_and_report_read_a_run(make_trainer, tmp_path):
    from typer.testing import CliRunner

    from gd2po.cli import app

    make_trainer(max_steps=3).train()
    run = tmp_path / "run"
    for folder in ("rollouts", "completions"):
        checked = CliRunner().invoke(app, ["check", str(run / folder)])
        assert checked.exit_code == 0, checked.output
        assert "24 rollouts in 6 groups (4 each), by uid and step" in " ".join(checked.output.split())
    page = tmp_path / "report.html"
    reported = CliRunner().invoke(app, ["report", str(run), "--output", str(page)])
    assert reported.exit_code == 0, reported.output
    assert "step 3" in page.read_text() and "letters" in page.read_text()


def test_tokens_of_tools_do_not_count(make_trainer):
    def roll_out(prompts, trainer):
        rows = range(len(prompts))
        return {
            "prompt_ids": [[5, 6] for _ in rows],
            "completion_ids": [[7 + row, 8, 9, 10] for row in rows],
            "logprobs": [[0.0] * 4 for _ in rows],
            "env_mask": [[1, 1, 0, 1] for _ in rows],
        }

    def order(completions, **_):
        return [float(row) for row in range(len(completions))]

    settings = {"estimator": "gdpo", "rewards": {"order": {}, "last": {}}}
    trainer = make_trainer(settings, {"order": order, "last": lambda **_: [0.0] * 7 + [1.0]}, rollout_func=roll_out)
    trainer.train()
    assert trainer.state.log_history[0]["whiten/population"] == 3 * 8


def test_the_tool_calling_task_runs_on_rows_for_verl(make_trainer, tmp_path):
    from gd2po.rewards.tool_calling import compute_score
    from gd2po.trl import by_row

    gold = '<think>t</think>\n<tool_call>\n{"name": "weather", "parameters": {"city": "Rome"}}\n</tool_call>'
    columns = {
        "data_source": ["rlla"] * 4,
        "prompt": [[{"role": "user", "content": f"weather {row}"}] for row in range(4)],
        "reward_model": [{"ground_truth": gold, "style": "rule"}] * 4,
        "extra_info": [{"index": row, "split": "train"} for row in range(4)],
    }
    settings = {"estimator": "gd2po", "rewards": {"correctness": {}, "length": {}}}
    trainer = make_trainer(settings, by_row(compute_score), columns, max_steps=1)
    trainer.train()
    row = read_rollouts(tmp_path / "run")[0]
    assert row["reward/correctness"] == -3.0 and "weather" in row["input"]  # TRL 1.10: the text of the chat template
