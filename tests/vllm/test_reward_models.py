"""Reward models served by vLLM through verl's own manager, in trainings by safe alignment's shipped configuration."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

ROOT = Path(__file__).parents[2]
MODELS = ("useful", "harmless")
ROLLOUTS = 16  # 4 prompts of 4
SMALL = (
    *("scale=cpu", "run.model=random", "method=gdpo", "rewards=useful_harmless", "trainer.logger=[console,file]"),
    *("data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "data.max_prompt_length=64"),
    *("data.max_response_length=32", "trainer.val_before_train=false", "trainer.test_freq=-1"),
    "reward.reward_model.rollout.max_num_seqs=16",
)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts, an untrained policy, and two reward models as SafeRLHF saves them, converted."""
    from transformers import AutoTokenizer
    from typer.testing import CliRunner

    from gd2po.cli import app
    from gd2po.quickstart.policy import PolicySize, make_policy
    from gd2po.quickstart.worlds import safety as toy_safety

    folder = tmp_path_factory.mktemp("world")
    asked = toy_safety.questions(160, 1, "train")
    toy_safety.write_prompts(asked, folder / "train.parquet", "train")
    make_policy(toy_safety.demonstrations(asked, 200, 1), folder / "policy", PolicySize(hidden=64), 1)
    tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
    for seed, name in enumerate(MODELS):
        original = folder / f"{name}-original"
        save_as_safe_rlhf(original, tokenizer, seed)
        done = CliRunner().invoke(app, ["convert-reward-model", str(original), str(folder / name)])
        assert done.exit_code == 0, done.output
    return folder


def save_as_safe_rlhf(folder: Path, tokenizer: Any, seed: int) -> None:
    """A Llama with a ``score_head``; its weights are random, and large enough for scores that differ."""
    from safetensors.torch import save_file
    from transformers import AutoModel, LlamaConfig, set_seed

    set_seed(seed)
    size = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "max_position_embeddings": 512}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **size, **heads)
    weights = {f"model.{name}": weight for name, weight in AutoModel.from_config(config).state_dict().items()}
    tokenizer.save_pretrained(folder)
    head = {"score_head.weight": torch.randn(1, config.hidden_size)}
    save_file(weights | head, folder / "model.safetensors", metadata={"format": "pt"})
    layout = {"architectures": ["LlamaModelForScore"], "do_normalize": False}
    (folder / "config.json").write_text(json.dumps(config.to_dict() | layout))


@pytest.fixture(scope="module")
def train(start: Callable[..., Any], world: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Trains by the shipped configuration of safe alignment, made small; ``model`` holds for both reward models."""

    def train(name: str, *overrides: str, model: dict[str, Any], folder: Path | None = None) -> Any:
        run = tmp_path_factory.mktemp(name) / "run"
        checkpoints = folder or run / "checkpoints"
        shipped = ("train", "--config-dir", f"{ROOT}/safe-alignment/config", "--config-name", "base", *SMALL)
        data = [f"data.{split}_files={world}/train.parquet" for split in ("train", "val")]
        own = [f"actor_rollout_ref.model.path={world}/policy", *data, f"trainer.default_local_dir={checkpoints}"]
        for reward in MODELS:
            block = {"path": world / reward, "measures": "other", "max_length": 200, "retries": 2} | model
            own += [f"++algorithm.gd2po.rewards.{reward}.model.{key}={value}" for key, value in block.items()]
        return start(run, "gd2po.cli", *shipped, *own, *overrides)

    return train


def rows(folder: Path, step: int) -> list[dict[str, Any]]:
    """The rollouts of a step, with their named scores."""
    return [json.loads(line) for line in (folder / "rollouts" / f"{step}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def assert_scored(scores_alone, world: Path) -> Any:
    """Each rollout of a step has the score that transformers gives it."""

    def check(folder: Path, step: int, models: tuple[str, ...] = MODELS) -> None:
        dumped = rows(folder, step)
        assert len(dumped) == ROLLOUTS
        for name in models:
            found = [row[f"reward/{name}"] for row in dumped]
            assert found == pytest.approx(scores_alone(world / name, dumped), abs=1e-3), (name, step)
            assert max(found) - min(found) > 0.1

    return check


def addresses(run: Any, reward: str) -> list[str]:
    """Where a reward model is served, by the log."""
    [line] = re.findall(rf"reward {reward}: \S+ at (http.*)", run.log)
    return re.findall(r"http://[\d.]+:\d+", line)


def kill(address: str) -> None:
    """SIGKILL to the process that listens there."""
    port = int(address.rpartition(":")[2])
    listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    [process] = {found.pid for found in listening if found.laddr.port == port}
    os.kill(process, signal.SIGKILL)


def await_step(run: Any, wanted: Callable[[dict[str, Any]], bool], seconds: float = 420) -> int:
    """The number of the first finished step that is as wanted."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and run.process.poll() is None:
        for metrics in run.steps():
            if wanted(metrics):
                return int(metrics["training/global_step"])
        time.sleep(0.2)
    raise AssertionError(f"no such step: {run.log[-6000:]}")


def test_servers_of_their_own_are_killed_one_after_the_other(train, world, tmp_path, assert_scored):
    """One of two replicas: the other answers. The only one: the run ends, and goes on by the same command."""
    overrides = [
        *("actor_rollout_ref.rollout.name=transformers", "++algorithm.gd2po.rewards.useful.model.replicas=2"),
        *("trainer.total_training_steps=40", "trainer.save_freq=100", "trainer.resume_mode=auto"),
    ]
    model = {"engine": "vllm", "placement": "own_gpus"}
    run = train("own", *overrides, model=model, folder=tmp_path)
    await_step(run, lambda metrics: metrics["training/global_step"] == 1)
    first = addresses(run, "useful")[0]
    [only] = addresses(run, "harmless")
    kill(first)
    repeated = await_step(run, lambda metrics: metrics["reward_model/useful/attempts"] > 1)
    kill(only)
    assert run.await_end(300, killed=2) != 0
    message = re.search(r"RewardError: (reward 'harmless': .*)", run.log)
    assert message, run.log[-6000:]
    assert f"the model {world}/harmless at {only} gave no score in" in message[1]
    assert "the last ended in: ConnectError" in message[1] or "not asked, since it does not answer" in message[1]
    last = int(run.steps()[-1]["training/global_step"])
    assert last >= repeated
    for step in (1, repeated, last):
        assert_scored(tmp_path, step)
    assert all(metrics["reward/useful/missing"] == 0 for metrics in run.steps())
    assert (tmp_path / f"global_step_{last}" / "actor").is_dir(), sorted(path.name for path in tmp_path.iterdir())

    resumed = train("own-resumed", *overrides, model=model, folder=tmp_path)
    assert resumed.await_end(420) == 0, resumed.log[-6000:]
    assert [metrics["training/global_step"] for metrics in resumed.steps()] == list(range(last + 1, 41))
    assert_scored(tmp_path, last + 1)


def test_colocated_models_sleep_beside_rollouts_by_vllm_and_one_is_missed(train, world, tmp_path, assert_scored):
    """Policy and reward models share a device, and vLLM serves all; a dead model is left out where the user says so."""
    overrides = [
        *("trainer.total_training_steps=4", "trainer.save_freq=-1"),
        "++algorithm.gd2po.rewards.harmless.model.on_failure=not_scored",
    ]
    run = train("colocated", *overrides, model={"placement": "colocated"}, folder=tmp_path)
    await_step(run, lambda metrics: metrics["training/global_step"] == 1)
    kill(addresses(run, "harmless")[0])
    assert run.await_end(420, killed=1) == 0, run.log[-6000:]
    steps = run.steps()
    assert len(steps) == 4
    assert all(metrics["timing_s/reward"] > 0 and metrics["reward/useful/missing"] == 0 for metrics in steps)
    assert steps[0]["reward/harmless/missing"] == 0 and steps[-1]["reward/harmless/missing"] == ROLLOUTS
    assert re.search(r"reward harmless: the server at \S+ is lost \(wake_up\)", run.log)
    assert_scored(tmp_path, 1)
    assert_scored(tmp_path, 4, models=("useful",))
    assert all(row["reward/harmless"] is None for row in rows(tmp_path, 4))
