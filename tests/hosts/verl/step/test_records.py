"""What a row of the rollout dump says about a rollout."""

import json
import math
from types import SimpleNamespace

import torch
from verl.trainer.ppo.v1.trainer_base import PPOTrainer

from gd2po.advantages import compute_rollout_advantages
from gd2po.hosts.verl.reading.run_state import has_state, state_of
from gd2po.hosts.verl.step.records import keep_records

GD2PO = ["algorithm.adv_estimator=gd2po", *(f"+algorithm.gd2po.rewards.{name}.weight=1.0" for name in "ab")]
KEYS = ["u0_0_0", "u0_1_1", "u0_2_0", "u0_3_0"]
SCORES = {"a": torch.tensor([1.0, 0.0, 1.0, 0.0]), "b": torch.tensor([1.0, 0.0, 0.0, math.nan])}
WATCHED = {"quality": torch.tensor([5.0, math.nan, 3.0, 2.0])}


def test_every_output_of_a_session_has_its_record_and_padding_has_none(bare_trainer, tmp_path):
    trainer = bare_trainer(*GD2PO, f"trainer.rollout_data_dir={tmp_path}")
    trainer.global_steps = 7
    keep_records(trainer, KEYS, SCORES, compute_rollout_advantages(SCORES, ["u0"] * 4, torch.ones(4)), WATCHED, {})
    rows = dumped(
        trainer, ["u0_0_0", "u0_1_0", "u0_1_1", "u0_2_0", "u0_3_0", "padx_0_0"], tmp_path, tmp_path / "7.jsonl"
    )
    assert [row["reward/a"] for row in rows] == [1.0, 0.0, 0.0, 1.0, 0.0, None]
    assert [row["reward/b"] for row in rows] == [1.0, 0.0, 0.0, 0.0, None, None]
    assert [row["watch/quality"] for row in rows] == [5.0, None, None, 3.0, 2.0, None]
    assert [row["conflict"] for row in rows] == [False, False, False, True, False, None]
    assert [row["kept"] for row in rows] == [True, True, True, False, True, None]
    assert rows[3]["advantage"] == 0 and rows[0]["query_weight"] == 0.75 and rows[0]["adv/b"] > 0


def test_a_validation_dump_in_between_takes_nothing_away(bare_trainer, tmp_path):
    trainer = bare_trainer(*GD2PO, f"trainer.rollout_data_dir={tmp_path / 'train'}")
    trainer.global_steps = 1
    keep_records(trainer, KEYS, SCORES, compute_rollout_advantages(SCORES, ["u0"] * 4, torch.ones(4)), WATCHED, {})
    assert "kept" not in dumped(trainer, KEYS, tmp_path / "val", tmp_path / "val" / "1.jsonl")[0]
    assert "kept" in dumped(trainer, KEYS, tmp_path / "train", tmp_path / "train" / "1.jsonl")[0]


def test_without_a_dump_nothing_is_kept(bare_trainer):
    trainer = bare_trainer(*GD2PO)
    keep_records(trainer, KEYS, SCORES, SimpleNamespace(), {}, {})
    assert not has_state(trainer) or state_of(trainer).records == {}


def dumped(trainer: PPOTrainer, keys: list[str], folder, path) -> list[dict]:
    trainer._init_dump_executor()
    columns = {name: ["x"] * len(keys) for name in ("inputs", "outputs", "gts")} | {"scores": [0.0] * len(keys)}
    trainer._dump_generations(**columns, reward_extra_infos_dict={"uid": keys}, dump_path=str(folder))
    trainer._shutdown_dump_executor()
    return [json.loads(line) for line in path.read_text().splitlines()]
