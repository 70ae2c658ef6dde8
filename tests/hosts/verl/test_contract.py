"""verl's V1 and V0 trainers on the recorded batches of the contract: advantages, metrics and rows of the dump.

V1 gets them by TransferQueue, with padding between the rollouts; V0 in a DataProto that verl's agent loop has made of
the rollouts, in another order.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from verl.trainer.ppo.padding_utils import upsample_batch_to_divisible_size

from gd2po.hosts.verl.reading.run_settings import settings_of

CASES = json.loads((Path(__file__).parents[1] / "contract.json").read_text())
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['settings']['rewards'])} rewards")
ROLLOUTS = 4


def with_block(config: Any, case: dict[str, Any]) -> Any:
    """The configuration of verl with the settings of a case."""
    block = {name: value for name, value in case["settings"].items() if name != "estimator"}
    OmegaConf.update(config, "algorithm.gd2po", block, force_add=True)
    return config


def infos_of(step: dict[str, Any], config: Any) -> list[dict[str, Any]]:
    """What the reward workers return for each rollout: a reward that a prompt does not have is absent."""
    settings, infos = settings_of(config), []
    for row in range(len(step["lengths"])):
        second_task = row >= len(step["lengths"]) // 2
        names = [name for name in step["scores"] if not (second_task and name in step["absent"])]
        scores = {name: step["scores"][name][row] for name in names}
        scored = {name: float("nan") if score is None else score for name, score in scores.items()}
        infos.append(scores | {"score": settings.total(scored)})
    return infos


def assert_as_recorded(step: dict[str, Any], metrics: dict[str, Any], dumped: list[dict[str, Any]]) -> None:
    """The metrics of a step, and its dumped rows in the order of the record."""
    assert {name: metrics[name] for name in step["metrics"]} == pytest.approx(step["metrics"], abs=1e-6)
    columns = step["columns"] | {f"reward/{name}": values for name, values in step["scores"].items()}
    for name, values in columns.items():
        assert [row[name] for row in dumped] == pytest.approx(values, abs=1e-6), name


def assert_token_advantages(case: dict[str, Any], step: dict[str, Any], advantages: list[torch.Tensor]) -> None:
    """One advantage for each token of a rollout. Those of grpo are verl's own, of one number, and not compared."""
    if case["settings"]["estimator"] == "grpo":
        return
    for row, tokens in enumerate(advantages):
        assert tokens.tolist() == pytest.approx([step["columns"]["advantage"][row]] * len(tokens), abs=1e-6)


@by_case
def test_v1(rollouts, bare_trainer, case, tmp_path):
    import transfer_queue as tq

    trainer = bare_trainer(f"algorithm.adv_estimator={case['settings']['estimator']}")
    with_block(trainer.config, case).trainer.rollout_data_dir = str(tmp_path)
    trainer.config.trainer.default_local_dir = str(tmp_path)
    trainer._init_dump_executor()
    for number, step in enumerate(case["steps"], 1):
        trainer.global_steps, metrics = number, {}
        infos = infos_of(step, trainer.config)
        keys = [f"s{number}p{row // ROLLOUTS}_{row % ROLLOUTS}_0" for row in range(len(infos))]
        batch = rollouts.put(dict(zip(keys, infos, strict=True)), step["lengths"])
        batch = upsample_batch_to_divisible_size(batch, len(infos) + 4, eos_token_id=0)
        order = list(range(len(batch.keys)))
        random.Random(number).shuffle(order)
        batch.reorder(order)
        trainer._compute_advantage(batch, metrics)
        written = tq.kv_batch_get(keys=keys, partition_id="train", select_fields=["advantages"])
        assert_token_advantages(case, step, written["advantages"].unbind())
        texts = {name: ["text"] * len(keys) for name in ("inputs", "outputs", "gts")}
        trainer._dump_generations(
            **texts, scores=[0.0] * len(keys), reward_extra_infos_dict={"uid": keys}, dump_path=str(tmp_path)
        )
        trainer._shutdown_dump_executor()
        trainer._init_dump_executor()
        lines = (tmp_path / f"{number}.jsonl").read_text().splitlines()
        assert_as_recorded(step, metrics, [json.loads(line) for line in lines])


@by_case
def test_v0(v0_trainer, v0_rollouts, case, tmp_path):
    trainer = v0_trainer(f"algorithm.adv_estimator={case['settings']['estimator']}")
    with_block(trainer.config, case)
    for number, step in enumerate(case["steps"], 1):
        trainer.global_steps = number
        batch = v0_rollouts(trainer.config, infos_of(step, trainer.config), step["lengths"], ROLLOUTS)
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(number))
        batch.reorder(order)
        trained, metrics, dumped = trainer.run_step(batch)
        place = order.argsort().tolist()
        lengths = trained.batch["response_mask"].sum(1).tolist()
        advantages = [trained.batch["advantages"][row, : lengths[row]] for row in place]
        assert_token_advantages(case, step, advantages)
        assert_as_recorded(step, metrics, [dumped[row] for row in place])
