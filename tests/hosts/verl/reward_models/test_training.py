"""Whole runs with several reward models: verl's trainer on CPU, real servers, and what happens when one dies."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import torch

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

SMALL = ["scale=cpu", "data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4"]
SMALL += [
    "data.val_max_samples=8",
    "data.max_prompt_length=64",
    "data.max_response_length=48",
    "trainer.logger=[console,file]",
]
SMALL += ["trainer.val_before_train=false", "trainer.test_freq=-1", "trainer.save_freq=-1"]
ROLLOUTS = 16  # 4 prompts of 4


@pytest.fixture
def toy(toy_world: tuple[Path, str]) -> Path:
    return toy_world[0]


@pytest.fixture
def start(training, toy: Path, tmp_path: Path) -> Any:
    """Starts a run on the toy world."""

    def start(method: str, *overrides: str, folder: Path = tmp_path) -> Any:
        data = [f"data.train_files={toy}/train.parquet", f"data.val_files={toy}/test.parquet"]
        chosen = [f"method={method}", "run.model=toy", f"actor_rollout_ref.model.path={toy}/policy", *data, *SMALL]
        return training("safe-alignment", folder, *chosen, *overrides)

    return start


def models(**paths: Path) -> list[str]:
    return [f"algorithm.gd2po.rewards.{name}.model.path={path}" for name, path in paths.items()]


def more(name: str, direction: str, **model: Any) -> list[str]:
    """Overrides that add a reward with a model."""
    prefix = f"+algorithm.gd2po.rewards.{name}"
    return [f"{prefix}.direction={direction}", *(f"{prefix}.model.{key}={value}" for key, value in model.items())]


def test_colocated_models_score_each_rollout_by_its_own_text(start, toy, scores_alone):
    paths = models(useful=toy / "helpful", harmless=toy / "harmless")
    steps = ["trainer.total_training_steps=2", "trainer.test_freq=2"]
    run = start("gd2po_hard", "rewards=useful_harmless", *paths, *steps)
    assert run.wait() == 0, run.log.read_text()[-6000:]
    metrics = run.steps()[2]
    assert metrics["rollouts/count"] == ROLLOUTS
    assert metrics["reward/useful/missing"] == metrics["reward/harmless/missing"] == 0
    assert metrics["reward_model/useful/failed"] == 0 and metrics["reward_model/harmless/attempts"] == 1
    assert metrics["timing_s/reward"] > 0  # after the rollouts
    validated = [name for name in metrics if name.startswith("val-") and "/harmless/mean@1" in name]
    assert validated, sorted(metrics)
    for step in (1, 2):
        rows = run.rollouts(step)
        assert len(rows) == ROLLOUTS
        for name, folder in (("useful", "helpful"), ("harmless", "harmless")):
            found = [row[f"reward/{name}"] for row in rows]
            assert found == pytest.approx(scores_alone(toy / folder, rows), abs=1e-4)
            assert len(set(found)) > 1


def test_models_on_devices_of_their_own_score_in_the_v0_trainer(start, toy, scores_alone):
    own = [f"algorithm.gd2po.rewards.{name}.model.placement=own_gpus" for name in ("useful", "harmless")]
    paths = models(useful=toy / "helpful", harmless=toy / "harmless")
    steps = ["trainer.total_training_steps=1", "trainer.test_freq=1", "trainer.use_v1=false"]
    run = start("gd2po_hard", "rewards=useful_harmless", *paths, *own, *steps)
    assert run.wait() == 0, run.log.read_text()[-6000:]
    metrics, rows = run.steps()[1], run.rollouts(1)
    assert metrics["reward/useful/missing"] == metrics["reward/harmless/missing"] == 0
    assert metrics["reward_model/useful/failed"] == 0
    assert any(name.startswith("val-") and "/harmless/mean@1" in name for name in metrics), sorted(metrics)
    assert len(rows) == ROLLOUTS
    for name, folder in (("useful", "helpful"), ("harmless", "harmless")):
        found = [row[f"reward/{name}"] for row in rows]
        assert found == pytest.approx(scores_alone(toy / folder, rows), abs=1e-4)


@contextlib.contextmanager
def server(model: Path, port: int):
    """`gd2po reward-server` in a process of its own."""
    process = subprocess.Popen([sys.executable, "-P", "-m", "gd2po.cli", "reward-server", str(model), f"--port={port}"])
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    break
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_three_models_and_a_rule_at_once_and_a_server_that_is_killed_comes_back(start, toy, tmp_path, scores_alone):
    """Reward models of every kind and placement beside the rollouts; one of them dies in the middle of the run."""
    function = tmp_path / "rule.py"
    function.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
                        "    return {'brevity': -float(len(solution_str.split()))}\n")  # fmt: skip
    port = free_port()
    overrides = [
        "rewards=helpful_guard",
        *models(helpful=toy / "helpful", unsafe=toy / "guard"),
        *(f"algorithm.gd2po.rewards.{name}.model.placement=own_gpus" for name in ("helpful", "unsafe")),
        'algorithm.gd2po.rewards.unsafe.model.guard={answer_prefix:"",unsafe:[unsafe],safe:[safe]}',
        *more("harm", "minimize", path=toy / "cost", measures="safety", placement="server"),
        f"+algorithm.gd2po.rewards.harm.model.url=[http://127.0.0.1:{port}]",
        "+algorithm.gd2po.rewards.brevity.weight=0.5",
        f"reward.custom_reward_function.path={function}",
        "trainer.total_training_steps=4",
    ]
    with server(toy / "cost", port):
        run = start("gd2po_snr", *overrides)
        run.await_step(1)
        kill_server_of("helpful", run.log.read_text())
        assert run.wait() == 0, run.log.read_text()[-6000:]
    attempts = [run.steps()[step]["reward_model/helpful/attempts"] for step in range(1, 5)]
    assert attempts[0] == 1 and max(attempts) > 1  # some rollouts had to ask the new server
    for step in range(1, 5):
        rows = run.rollouts(step)
        assert len(rows) == ROLLOUTS
        assert [row["reward/helpful"] for row in rows] == pytest.approx(scores_alone(toy / "helpful", rows), abs=1e-4)
        assert [row["reward/harm"] for row in rows] == pytest.approx(scores_alone(toy / "cost", rows), abs=1e-4)
        assert [row["reward/brevity"] for row in rows] == [-len(row["output"].split()) for row in rows]
        assert all(row["reward/unsafe"] is not None for row in rows)
        assert run.steps()[step]["conflict/pair/harm|helpful"] >= 0


def kill_server_of(reward: str, log: str) -> None:
    """SIGKILL to the server of a reward model, which the log names by its address."""
    port = int(re.findall(rf"reward {reward}: \S+ at http://[^:]+:(\d+)", log)[0])
    listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    [process] = {found.pid for found in listening if found.laddr.port == port}
    os.kill(process, signal.SIGKILL)


def test_a_server_that_stays_away_ends_the_run_with_a_checkpoint_from_which_it_goes_on(start, toy, tmp_path):
    import pandas as pd

    port = free_port()
    prompts = pd.read_parquet(toy / "train.parquet")
    distinct = prompts[~prompts["prompt"].map(lambda messages: messages[0]["content"]).duplicated()]
    distinct.to_parquet(tmp_path / "distinct.parquet")
    overrides = [
        f"data.train_files={tmp_path}/distinct.parquet",
        "rewards=useful_harmless",
        *models(useful=toy / "helpful", harmless=toy / "harmless"),
        "algorithm.gd2po.rewards.harmless.model.placement=own_gpus",
        "algorithm.gd2po.rewards.useful.model.placement=server",
        f"+algorithm.gd2po.rewards.useful.model.url=[http://127.0.0.1:{port}]",
        "+algorithm.gd2po.rewards.useful.model.retries=2",
        "trainer.total_training_steps=4",
        "trainer.save_freq=10",
        "trainer.resume_mode=auto",
    ]
    with server(toy / "helpful", port):
        run = start("gdpo", *overrides)
        run.await_step(2)
    assert run.wait() != 0
    log = run.log.read_text()
    assert f"http://127.0.0.1:{port}" in log and "'useful'" in log, log[-4000:]
    whole = max(run.steps())
    assert (tmp_path / f"global_step_{whole}" / "actor").is_dir(), sorted(path.name for path in tmp_path.iterdir())

    with server(toy / "helpful", port):
        resumed = start("gdpo", *overrides)
        assert resumed.wait() == 0, resumed.log.read_text()[-6000:]
    assert sorted(resumed.steps()) == list(range(whole + 1, 5))
    counts = Counter(row["input"] for step in range(1, 5) for row in resumed.rollouts(step))
    assert set(counts.values()) == {4} and len(counts) == ROLLOUTS  # no prompt was left out, none came twice
