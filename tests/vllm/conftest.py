"""verl's own vLLM path on this machine: a task, a policy, and runs started as a user starts them.

Skipped where vLLM is not installed; ``scripts/test_vllm.sh`` makes an environment with its CPU build.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOOKS = Path(__file__).parent / "hooks"
SHARED_MEMORY = Path("/dev/shm")
SMALL = (
    "data.train_batch_size=4",
    "actor_rollout_ref.actor.ppo_mini_batch_size=4",
    "trainer.val_before_train=false",
    "trainer.test_freq=-1",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder starts an engine."""
    missing = importlib.util.find_spec("vllm") is None
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(900))
            if missing:
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed: bash scripts/test_vllm.sh"))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended between listing and reading, or belongs to somebody else
        return ""


@dataclass
class Run:
    """A process with a mark in its environment, which all its children inherit."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    mark: str
    shared_before: frozenset[str] = field(default_factory=lambda: shared_memory())

    @property
    def log(self) -> str:
        return _read(self.folder / "log.txt")

    def steps(self) -> list[dict[str, Any]]:
        """Metrics of each finished step."""
        lines = _read(self.folder / "metrics.jsonl").splitlines()
        return [entry["data"] for entry in map(json.loads, lines)]

    def processes(self) -> list[int]:
        """What still runs of it."""
        found = (path for path in Path("/proc").glob("[0-9]*/environ") if self.mark in _read(path))
        return [int(path.parent.name) for path in found]

    def await_end(self, seconds: float, killed: int = 0) -> int:
        """The exit code; everything of the run must have ended soon after it.

        An engine that was killed leaves two segments of shared memory, which are removed here.
        """
        code = self.process.wait(seconds)
        deadline = time.monotonic() + 30
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert self.processes() == []
        left = [name for name in shared_memory() - self.shared_before if not in_use(name)]
        assert len(left) <= 2 * killed
        for name in left:
            (SHARED_MEMORY / name).unlink()
        return code

    def kill(self) -> None:
        for process in self.processes():
            os.kill(process, signal.SIGKILL)


def shared_memory() -> frozenset[str]:
    """Names of Python's shared memory segments, through which vLLM's processes talk."""
    return frozenset(path.name for path in SHARED_MEMORY.glob("psm_*"))


def in_use(name: str) -> bool:
    """Whether a process maps the segment: another program's, that is."""
    return any(f"{SHARED_MEMORY}/{name}" in _read(maps) for maps in Path("/proc").glob("[0-9]*/maps"))


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Run]]:
    """Starts a Python module with arguments in a folder of its own; what is left of it is killed at the end."""
    runs: list[Run] = []

    def start(folder: Path, module: str, *arguments: str, **environment: str) -> Run:
        folder.mkdir(parents=True)
        name, value = "GD2PO_TEST_RUN", uuid.uuid4().hex
        own = {name: value, "VERL_FILE_LOGGER_PATH": str(folder / "metrics.jsonl"), "PYTHONPATH": str(HOOKS)}
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                env=os.environ | own | environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        runs.append(Run(folder, process, f"{name}={value}"))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The quickstart's task, with a policy that has learned its grammar in part: its answers differ in every reward."""
    import torch

    from gd2po.quickstart import Plan, prepare_task
    from gd2po.quickstart.warm_start import WarmStart, build_policy
    from gd2po.quickstart.worlds.dialogues import demonstrations, generate

    torch.set_num_threads(1)  # threads that spin make a model this small much slower on a busy machine
    plan = Plan(("gd2po_hard",), 3, 1, tmp_path_factory.mktemp("vllm"))
    prepare_task(plan)
    build_policy(
        demonstrations(generate(800, 0, brief=True), 0, fault_share=0.3, long_thought=(2, 8)),
        plan.policy,
        WarmStart(epochs=3),
        0,
    )
    return plan


@pytest.fixture(scope="module")
def train(start: Callable[..., Run], plan: Any) -> Callable[..., Run]:
    """Trains GD²PO on tool calling by the shipped configuration, made small; the rollout engine is the one it names."""

    def train(name: str, *overrides: str, **environment: str) -> Run:
        folder = plan.folder / name
        shipped = ("train", "--config-dir", f"{ROOT}/tool-calling/config", "--config-name", "base")
        own = f"trainer.default_local_dir={folder}"
        return start(
            folder, "gd2po.cli", *shipped, *plan.overrides("gd2po_hard"), *SMALL, own, *overrides, **environment
        )

    return train
