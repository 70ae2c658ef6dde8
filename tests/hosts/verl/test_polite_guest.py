"""A training that is not ours is verl's own, whether the plug-in is installed or not: same calls, files and metrics.

A machine without accelerator cannot run verl alone, so that the other training has the platform for it, and no plug-in.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import Qwen2Config, Qwen2ForCausalLM

from gd2po.quickstart.tokenizer import train_tokenizer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

HOOKS = Path(__file__).parent / "hooks"
REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return sum(character in "aeiou" for character in solution_str) / max(1, len(solution_str))
"""
SETTINGS = (
    *("algorithm.adv_estimator=grpo", "data.train_batch_size=2", "data.max_prompt_length=48", "data.seed=1"),
    *("data.max_response_length=12", "actor_rollout_ref.rollout.n=4", "actor_rollout_ref.actor.ppo_mini_batch_size=2"),
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
    *("trainer.logger=[console,file]", "trainer.val_before_train=false", "trainer.n_gpus_per_node=1"),
    *("trainer.total_training_steps=2", "trainer.save_freq=2", "trainer.test_freq=2"),
)
AS_OFTEN_AS_VERL_LOOKS = ("transfer_queue", "_wait_for_next_poll", "_dapo_filtered_keys", "_evict_terminal_groups")
VARYING = ("timing", "perf/", "actor/perf/", "training/rollout_", "rollout_corr/")
"""Metrics of time and memory, and those that compare the trainer with the rollout server, whose sums depend on which
requests it has met at a time, in the seventh digit."""


@dataclass
class Trained:
    """What a training has left, and what was called in it."""

    folder: Path
    log: str

    def calls(self) -> list[dict]:
        files = (self.folder / "calls").glob("*.jsonl")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def metrics(self) -> list[dict[str, float]]:
        """Metrics of each step, but for those that differ from run to run."""
        lines = map(json.loads, (self.folder / "metrics.jsonl").read_text().splitlines())
        return [{n: v for n, v in line["data"].items() if not n.startswith(VARYING)} for line in lines]

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder / "run")) for path in (self.folder / "run").rglob("*"))

    def rollouts(self) -> list[list[dict]]:
        """Rows of each step; which of a prompt's rollouts has which number depends on which is asked for first."""
        steps = (path.read_text() for path in sorted((self.folder / "run" / "rollouts").glob("*.jsonl")))
        rows = ([json.loads(line) for line in step.splitlines()] for step in steps)
        nameless = ([row | {"uid": row.get("uid", "").split("_")[0]} for row in step] for step in rows)
        return [sorted(step, key=lambda row: (row["uid"], row["input"], row["output"])) for step in nameless]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Prompts, a reward function and a random policy."""
    folder = tmp_path_factory.mktemp("world")
    rows = [
        {
            "data_source": "vowels",
            "prompt": [{"role": "user", "content": f"say {number}"}],
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": number},
        }
        for number in range(4)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    (folder / "reward.py").write_text(REWARD)
    tokenizer = train_tokenizer(["say aloud some words of an answer"], vocabulary=300)
    tokenizer.save_pretrained(folder / "policy")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 256}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = Qwen2Config(vocab_size=len(tokenizer), **size, **heads, **special)
    Qwen2ForCausalLM(config).save_pretrained(folder / "policy")
    return folder


@pytest.fixture(scope="module", params=["true", "false"], ids=["V1", "V0"])
def use_v1(request) -> str:
    """Which of verl's trainers trains."""
    return request.param


@pytest.fixture(scope="module")
def train(world, use_v1):
    """Trains two steps with verl's own command."""

    def train(name: str, **environment: str) -> Trained:
        folder = world / use_v1 / name
        (folder / "calls").mkdir(parents=True)
        command = [sys.executable, "-P", "-m", "verl.trainer.main_ppo", *SETTINGS, f"trainer.use_v1={use_v1}"]
        command += [f"data.{files}={world}/rows.parquet" for files in ("train_files", "val_files")]
        command += [f"reward.custom_reward_function.path={world}/reward.py"]
        command += [f"actor_rollout_ref.model.path={world}/policy", f"trainer.default_local_dir={folder}/run"]
        command += [f"trainer.rollout_data_dir={folder}/run/rollouts"]
        own = {
            "PYTHONPATH": str(HOOKS),
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "RECORDING_FOLDER": str(folder / "calls"),
            "VERL_FILE_LOGGER_PATH": str(folder / "metrics.jsonl"),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GD2PO_", "VERL_"))}
        ended = subprocess.run(
            command, cwd=folder, env=clean | own | environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        return Trained(folder, ended.stdout + ended.stderr)

    return train


@pytest.fixture(scope="module")
def guest(train) -> Trained:
    """With the plug-in installed, as anybody has it."""
    return train("guest", VERL_USE_EXTERNAL_MODULES="recording")


@pytest.fixture(scope="module")
def alone(train) -> Trained:
    """Without any plug-in."""
    modules = "recording,cpu_platform"
    return train("alone", VERL_USE_EXTERNAL_MODULES=modules, VERL_USE_EXTERNAL_PLUGINS="none")


def counted(trained: Trained) -> Counter[str]:
    """Calls that happen in every run equally often, with all that was written down of them."""
    lines = (json.dumps(call) for call in trained.calls() if not said_while_waiting(call))
    return Counter(lines)


def said_while_waiting(call: dict) -> bool:
    return any(name in call["symbol"] for name in AS_OFTEN_AS_VERL_LOOKS)


def test_verl_makes_the_same_calls(guest, alone):
    assert counted(guest) == counted(alone)
    assert len({call["symbol"] for call in guest.calls()}) > 15
    waiting = [{json.dumps(call) for call in run.calls() if said_while_waiting(call)} for run in (guest, alone)]
    assert waiting[0] == waiting[1]


def test_verl_makes_the_same_pauses(guest, alone, use_v1):
    if use_v1 == "false":
        pytest.skip("the V0 trainer makes none")
    for run in (guest, alone):
        pauses = {call["pause"] for call in run.calls() if "_wait_for_next_poll" in call["symbol"]}
        assert pauses == {2.0}


def test_no_process_has_a_trace_of_the_plug_in(guest):
    for call in guest.calls():
        assert (call["variables"], call["attributes"]) == ({}, []), call["symbol"]
    assert "gd2po settings" not in guest.log and "gd2po guards" not in guest.log


def test_the_same_files_are_left(guest, alone):
    assert guest.files() == alone.files()
    assert not any("gd2po" in name for name in guest.files())
    assert len(guest.rollouts()) == 2 and guest.rollouts() == alone.rollouts()


def test_the_metrics_are_the_same_to_the_bit(guest, alone):
    assert len(guest.metrics()) == 2 and "actor/grad_norm" in guest.metrics()[0]
    assert guest.metrics() == alone.metrics()
