"""Every metric of a run arrives, with the same value, in each tracker that verl writes to."""

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from gd2po.advantages import compute_rollout_advantages
from gd2po.paths import config_dir
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.policy import PolicySize, make_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

STEPS = 2
Logged = dict[int, dict[str, float]]
"""Step → metric → value."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run that validates before, during and after training, started in another one."""
    plan = Plan(("gd2po_hard",), STEPS, 1, tmp_path_factory.mktemp("trackers"))
    prepare_task(plan)
    make_policy(demonstrations(generate(400, 0), 0, think_words=(2, 8)), plan.policy, PolicySize(), 0)
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--config-dir", str(config_dir("tool-calling"))]
    command += ["--config-name", "base", *plan.overrides("gd2po_hard")]
    command += ["data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "data.val_max_samples=4"]
    command += ["trainer.logger=[console,file,tensorboard,wandb]", "trainer.default_local_dir=run"]
    environment = os.environ | {"VERL_PLATFORM": "cpu", "WANDB_MODE": "offline"}
    for variable in ("TENSORBOARD_DIR", "WANDB_DIR", "VERL_FILE_LOGGER_PATH"):
        environment.pop(variable, None)
    with (plan.folder / "log.txt").open("w") as log:
        ended = subprocess.run(command, cwd=plan.folder, env=environment, stdout=log, stderr=log, check=False)
    assert ended.returncode == 0, (plan.folder / "log.txt").read_text()[-4000:]
    return plan.folder / "run"


@pytest.fixture(scope="module")
def logged(folder: Path) -> Logged:
    """What verl's file logger wrote: the measure of the others."""
    [path] = folder.glob("metrics_*.jsonl")
    found = {entry["step"]: entry["data"] for entry in map(json.loads, path.read_text().splitlines())}
    assert sorted(found) == list(range(STEPS + 1))
    return found


def test_every_metric_of_the_plug_in_is_logged_at_every_step(logged):
    scores = {name: torch.rand(4) for name in ("correctness", "format", "length")}
    names = compute_rollout_advantages(scores, ["a", "a", "b", "b"], torch.ones(4), estimator="gd2po").metrics.keys()
    assert len(names) == 40
    for step in range(1, STEPS + 1):
        assert names <= logged[step].keys()
    assert logged[0].keys() == {name for name in logged[STEPS] if name.startswith("val-")}


def test_tensorboard(folder, logged):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found: Logged = {step: {} for step in logged}
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            found[event.step][name] = event.value
    for step, metrics in logged.items():
        assert found[step] == pytest.approx(metrics, rel=1e-6), f"step {step}"  # TensorBoard keeps float32


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of an offline file, a LevelDB log: blocks of 32 KiB, records whole (1) or in parts (2, 3 … 4)."""
    data, start, parts = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while start < len(data):
        if (left := 32768 - start % 32768) < 7:  # too short for a header: filled up with zeros
            start += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, start)
        parts += data[start + 7 : start + 7 + length]
        start += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def test_wandb_offline(folder, logged):
    from wandb.proto.wandb_internal_pb2 import Record

    [path] = folder.glob("wandb/offline-run-*/run-*.wandb")
    found: Logged = {}
    for data in wandb_records(path):
        record = Record.FromString(data)
        if record.HasField("history"):
            items = {item.nested_key[0] if item.nested_key else item.key: item for item in record.history.item}
            found[record.history.step.num] = {name: json.loads(item.value_json) for name, item in items.items()}
    for step, metrics in logged.items():
        assert {name: found[step][name] for name in metrics} == pytest.approx(metrics), f"step {step}"


def test_the_console_shows_every_number_and_the_progress_bar(folder, logged):
    log = (folder.parent / "log.txt").read_text(errors="replace")
    for step, metrics in logged.items():
        [line] = re.findall(rf"step:{step} - (.*)", log)
        shown = dict(part.rpartition(":")[::2] for part in line.split(" - "))
        assert shown.keys() == metrics.keys()
    assert f"{STEPS}/{STEPS}" in log and "Training Progress: 100%" in log
