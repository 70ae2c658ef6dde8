"""scripts/train.sh: one launcher for every task, method, set of rewards and scale."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]


def train(*arguments: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    command = ["bash", str(ROOT / "scripts" / "train.sh"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.e2e
@pytest.mark.skipif(find_spec("ray") is None, reason="verl's trainer is not installed")
def test_it_composes_what_it_is_told(tmp_path):
    chosen = ["rewards=correctness_length_format", "scale=1gpu", "run.seed=3", "data.train_batch_size=256"]
    found = train("tool-calling", "gd2po_snr", "/models/Tiny-0.5B/", *chosen, "--cfg", "job", folder=tmp_path)
    assert found.returncode == 0, found.stderr
    config = OmegaConf.create(found.stdout)
    name = "tool-calling_correctness_length_format_gd2po_snr0.8_Tiny-0.5B_1gpu_seed3"
    assert config.trainer.experiment_name == name
    assert config.actor_rollout_ref.model.path == "/models/Tiny-0.5B/"
    assert (config.data.train_batch_size, config.data.seed, config.trainer.n_gpus_per_node) == (256, 3, 1)
    assert list(tmp_path.iterdir()) == []  # nothing was started


def test_an_unknown_method_is_refused_with_those_there_are():
    found = train("tool-calling", "gd2po_sure", "/models/Tiny")
    assert found.returncode == 2
    assert "no method gd2po_sure" in found.stderr
    known = {"safe-alignment", "tool-calling", "gd2po_hard", "gd2po_snr", "gdpo", "grpo"}
    assert known <= set(re.split(r"[,\s]+", found.stderr))


def test_without_arguments_it_explains_itself():
    found = train()
    assert found.returncode == 2
    for shown in ("METHOD     grpo | gdpo | gd2po_hard | gd2po_snr", "scale=cpu | 1gpu | 8gpu | multinode"):
        assert shown in found.stderr
