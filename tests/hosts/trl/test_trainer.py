"""Trainings in TRL: advantages, metrics, tables and files of real steps."""

import json

import pandas
import pytest
import torch

from gd2po.advantages import compute_rollout_advantages


def read_rollouts(folder):
    files = sorted((folder / "rollouts").glob("*.jsonl"), key=lambda path: int(path.stem))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_two_steps_leave_metrics_rollouts_and_a_table(make_trainer, tmp_path, capsys):
    trainer = make_trainer()
    trainer.train()
    run = tmp_path / "run"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "conflict/rate" in line["data"]] == [1, 2]
    assert lines[0]["data"]["reward/letters/mean"] == pytest.approx(lines[0]["data"]["rewards/letters/mean"])
    rows = read_rollouts(run)
    assert len(rows) == 16 and len({row["uid"] for row in rows}) == 16
    table = pandas.read_parquet(run / "completions" / "completions_00002.parquet")
    second = rows[8:]
    for column in ("conflict", "kept", "query_weight", "adv/letters", "advantage", "uid"):
        assert table[column].tolist() == [row[column] for row in second]
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
