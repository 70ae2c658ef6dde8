"""verl's own trainer, unmodified and started as verl's documentation starts it, on a machine without accelerator."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

STEPS = 4
"""Then the run is interrupted."""

ACTOR = (
    "ppo_mini_batch_size=4",
    "ppo_micro_batch_size_per_gpu=16",
    "optim.lr=1e-3",
    "checkpoint.save_contents=[model,optimizer,extra,hf_model]",
)

REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return sum(character in "0123456789" for character in solution_str) / max(1, len(solution_str))
"""


@dataclass
class Run:
    """A trainer process, its log, and a mark in its environment that all its children inherit."""

    folder: Path
    process: subprocess.Popen[bytes]
    mark: str

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")

    def metric(self, name: str) -> list[float]:
        """One value per step."""
        return [float(value) for value in re.findall(rf" {re.escape(name)}:([-+.\de]+)", self.log)]

    def processes(self) -> list[str]:
        """What still runs of it."""
        return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if self.mark in _read(path)]

    def await_end(self, seconds: float) -> int:
        """The exit code; every process of the run must have ended soon after the trainer."""
        code = self.process.wait(timeout=seconds)
        deadline = time.monotonic() + 30
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert self.processes() == []
        return code


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended between listing and reading, or belongs to somebody else
        return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model_path):
    """Data, reward function and room for checkpoints."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("training")
    rows = [
        {
            "data_source": "digits",
            "prompt": [{"role": "user", "content": f"{number}{number}?"}],
            "ability": "digits",
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": number},
        }
        for number in range(16)
    ]
    pd.DataFrame(rows).to_parquet(folder / "rows.parquet")
    (folder / "reward.py").write_text(REWARD)
    return folder


@pytest.fixture
def start(folder, model_path):
    """Start verl's trainer with overrides only; whatever is left of it is killed at the end of the test."""
    runs = []

    def start(*overrides):
        mark = f"GD2PO_TEST_RUN={uuid.uuid4().hex}"
        arguments = [
            *("algorithm.adv_estimator=grpo", f"actor_rollout_ref.model.path={model_path}"),
            *(f"data.{files}={folder}/rows.parquet" for files in ("train_files", "val_files")),
            *("data.train_batch_size=4", "data.max_prompt_length=48", "data.max_response_length=16"),
            *("actor_rollout_ref.rollout.n=4", "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=16"),
            *(f"actor_rollout_ref.actor.{override}" for override in ACTOR),
            f"reward.custom_reward_function.path={folder}/reward.py",
            *("trainer.logger=[console]", "trainer.val_before_train=False", "trainer.n_gpus_per_node=1"),
            *(
                f"trainer.default_local_dir={folder}/checkpoints",
                "trainer.total_training_steps=1000",
                "trainer.total_epochs=1000",
            ),
            *overrides,
        ]
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "verl.trainer.main_ppo", *arguments],
                env=os.environ | dict([mark.split("=")]),
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        runs.append(Run(folder, process, mark))
        return runs[-1]

    yield start
    for run in runs:
        for process in run.processes():
            os.kill(int(process), signal.SIGKILL)


def test_it_trains_validates_and_saves_until_an_interrupt_ends_every_process(start, folder):
    from transformers import AutoModelForCausalLM

    run = start("trainer.save_freq=2", "trainer.test_freq=2")
    deadline = time.monotonic() + 280
    while len(run.metric("training/global_step")) <= STEPS and run.process.poll() is None:
        assert time.monotonic() < deadline, run.log[-3000:]
        time.sleep(0.2)
    run.process.send_signal(signal.SIGINT)
    assert run.await_end(seconds=60) != 0
    differences = run.metric("training/rollout_probs_diff_max")
    assert len(differences) > STEPS and max(differences) < 1e-6, run.log[-3000:]
    assert run.log.count("val-core/digits/acc/mean@1") >= STEPS // 2

    saved = [folder / f"checkpoints/global_step_{step}/actor/huggingface" for step in (2, STEPS)]
    before, after = (AutoModelForCausalLM.from_pretrained(path).lm_head.weight for path in saved)
    assert not torch.equal(before, after)
