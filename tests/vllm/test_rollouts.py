"""GD²PO on tool calling with vLLM as rollout engine: the shipped configuration, the real launcher, verl's own path."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STEPS = 3
AGREEMENT = 1e-5
"""Largest difference of probabilities between rollout and trainer, which read the same float32 weights."""

STALE = 1e-4
"""Smallest that tells of weights which did not arrive."""

RECORDED_LOOP = "- name: recorded\n  _target_: recorded_loop.RecordedLoop\n"


def differences(run: Any) -> list[float]:
    return [step["training/rollout_probs_diff_max"] for step in run.steps()]


def replicas(run: Any) -> int:
    """Rollout servers, by what verl says of their addresses."""
    return len(re.search(r"LLMServerManager: \[(.*?)\]", run.log)[1].split(","))


def ended_well(run: Any) -> None:
    """All steps, weights that arrive before each, rewards and masks in the metrics, and nothing left behind."""
    assert run.await_end(600) == 0, run.log[-4000:]
    assert len(run.steps()) == STEPS
    assert max(differences(run)) < AGREEMENT
    for step in run.steps():
        assert {f"reward/{name}/mean" for name in ("correctness", "format", "length")} <= step.keys()
        assert 0 <= step["conflict/masked"] <= step["conflict/rate"] <= 1
        assert step["rollouts/count"] == 32 and step["groups/count"] == 4
        assert step["actor/grad_norm"] > 0


def recorded(folder: Path, mode: str) -> tuple[list[str], dict[str, str]]:
    """Overrides and environment of a run that records its rollouts, or replays them."""
    loops = folder / "loops.yaml"
    loops.write_text(RECORDED_LOOP)
    agent = "actor_rollout_ref.rollout.agent"
    overrides = [f"{agent}.agent_loop_config_path={loops}", f"{agent}.default_agent_loop=recorded"]
    return overrides, {"ROLLOUT_RECORD": str(folder / "record.jsonl"), "ROLLOUT_MODE": mode}


@pytest.fixture(scope="module")
def one_replica(train: Callable[..., Any], plan: Any) -> Any:
    overrides, environment = recorded(plan.folder, "record")
    run = train("one", *overrides, **environment)
    ended_well(run)
    return run


def test_one_replica(one_replica):
    assert replicas(one_replica) == 1 and "vLLMHttpServer" in one_replica.log
    assert len({step["actor/entropy"] for step in one_replica.steps()}) == STEPS, "the policy has moved"


def test_two_replicas_and_two_data_parallel_workers(train):
    run = train("two", "trainer.n_gpus_per_node=2")
    ended_well(run)
    assert replicas(run) == 2


def test_tensor_parallel(train):
    run = train("split", "trainer.n_gpus_per_node=2", "actor_rollout_ref.rollout.tensor_model_parallel_size=2")
    ended_well(run)
    assert replicas(run) == 1


def test_the_transformers_server_earns_the_same_with_the_same_answers(one_replica, train, plan):
    """Record and replay, both through verl's real trainer.

    The agent loop of the first run wrote down each prompt and what vLLM answered: token ids, log-probabilities and
    reason to stop. In the second run the transformers server is asked the same, by a loop that then hands on the
    recorded answer instead of the server's. The same group gets the same answers, in any order. So all that follows the
    rollout, in all steps, must come out the same: rewards, masks, advantages, gradients.
    """
    overrides, environment = recorded(plan.folder, "replay")
    replay = train("replay", "actor_rollout_ref.rollout.name=transformers", *overrides, **environment)
    ended_well(replay)
    assert "TransformersServer" in replay.log and "vLLMHttpServer" not in replay.log
    exact = ("reward/", "groups/", "rollouts/", "conflict/", "adv/", "whiten/", "response_length/", "critic/")
    for step, (ours, theirs) in enumerate(zip(replay.steps(), one_replica.steps(), strict=True), 1):
        names = [name for name in theirs if name.startswith(exact)]
        assert len(names) > 30
        assert {name: ours[name] for name in names} == pytest.approx({n: theirs[n] for n in names}, abs=1e-6), step
        assert ours["actor/grad_norm"] == pytest.approx(theirs["actor/grad_norm"], rel=1e-5), step
        rows = [dumped(run, step) for run in (replay, one_replica)]
        assert len(rows[0]) == 32 and rows[0] == rows[1], step


def dumped(run: Any, step: int) -> list[tuple[Any, ...]]:
    """Prompt, answer, rewards, mask and advantage of each rollout, in an order of their own."""
    lines = (run.folder / "rollouts" / f"{step}.jsonl").read_text().splitlines()
    names = ("input", "output", "reward/correctness", "reward/format", "reward/length", "conflict", "kept")
    return sorted((*(row[name] for name in names), round(row["advantage"], 4) + 0.0) for row in map(json.loads, lines))


def test_lost_weights_show_and_broken_ones_end_the_run_with_the_cause(train):
    """What the other tests rely on: the step after lost weights does not agree, the one after that does again."""
    worker = "+actor_rollout_ref.rollout.engine_kwargs.vllm.worker_extension_cls=faulty_worker.FaultyWorker"
    run = train("faulty", worker, "trainer.total_training_steps=6", GD2PO_ENGINE_TIMEOUT="300")
    assert run.await_end(600) != 0
    good, stale, *_ = differences(run)
    assert good < AGREEMENT and stale > STALE
    cause = "Call to collective_rpc method failed: Worker failed with error 'a weight made to fail'"
    assert f"EngineError: vLLM could not take the new weights: {cause}" in run.log, run.log[-4000:]
