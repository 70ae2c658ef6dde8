"""A run of two workers that meets one fault after another in one folder, and goes on after each."""

import os
import re
import resource
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from gd2po.hosts.verl.checkpoints import folders
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.policy import PolicySize, make_policy

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

SMALL = [
    *("data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=2"),
    *("data.max_prompt_length=320", "data.max_response_length=8", "trainer.n_gpus_per_node=2"),
    *("trainer.save_freq=1", "trainer.resume_mode=auto", "trainer.val_before_train=false", "trainer.test_freq=-1"),
]


@pytest.fixture(scope="module")
def start(training, tmp_path_factory: pytest.TempPathFactory):
    """Starts, or resumes, the one run."""
    plan = Plan(("gd2po_hard",), 40, 1, tmp_path_factory.mktemp("faults"))
    prepare_task(plan)
    make_policy([{"instruction": "f", "input": "call f", "output": "<think> a </think>"}], plan.policy, PolicySize(), 0)

    def start(*overrides: str) -> Any:
        return training("tool-calling", plan.folder / "run", *plan.overrides("gd2po_hard"), *SMALL, *overrides)

    return start


def workers(run: Any) -> list[psutil.Process]:
    """The two training processes."""
    children = psutil.Process(run.process.pid).children(recursive=True)
    found = [child for child in children if "".join(child.cmdline()).startswith("ray::WorkerDict")]
    assert len(found) == 2
    return found


def latest(run: Any) -> Path:
    """The checkpoint that the tracker file names, which must be complete."""
    folder = folders.folder_of(run.folder, folders.tracked(run.folder))
    assert folders.fault(folder) == ""
    return folder


def test_disk_full_then_a_worker_killed_then_a_checkpoint_cut(start):
    first = start()
    first.await_step(1)
    for worker in workers(first):  # writing fails as on a full disk, but for the error's name
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    assert first.wait() != 0
    log = first.log.read_text()
    folder = latest(first)
    assert "could not be written to" in log and "GiB free" in log, log[-4000:]
    assert f"the run has ended early. The last complete checkpoint is {folder}" in log

    second = start()
    resumed = folders.step_of(folder) + 1
    second.await_step(resumed + 1)
    assert min(second.steps()) == resumed, second.log.read_text()[-4000:]
    os.kill(workers(second)[1].pid, signal.SIGKILL)
    assert second.wait() != 0
    folder = latest(second)
    assert re.search("(Actor|Owner)DiedError", second.log.read_text())  # the worker, or what owned its result
    assert f"the run has ended early. The last complete checkpoint is {folder}" in second.log.read_text()

    shard = folder / "actor" / "optim_world_size_2_rank_1.pt"
    os.truncate(shard, shard.stat().st_size // 2)
    step = folders.step_of(folder)
    third = start(f"trainer.total_training_steps={step + 1}", "trainer.max_actor_ckpt_to_keep=2")
    assert third.wait() == 0, third.log.read_text()[-4000:]
    assert f"{folder}: actor/{shard.name} has" in third.log.read_text()
    assert sorted(third.steps()) == [step, step + 1]
    assert latest(third) == folders.folder_of(third.folder, step + 1)
    assert folders.steps(third.folder) == [step + 1, step]
