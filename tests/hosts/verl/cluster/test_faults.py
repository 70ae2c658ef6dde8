"""What ends a training over two nodes: each fault ends in a message and a checkpoint to go on from, within minutes.

Not part of CI: `.venv/bin/python -P -m pytest -m faults -rP` takes about 13 minutes on two cores, and shows how long
each run took to end. What was seen stands in docs/reliability.md.
"""

import logging
import re
import signal
import threading
import time
from collections.abc import Callable

import psutil
import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from gd2po.hosts.verl.checkpoints import folders

logger = logging.getLogger(__name__)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

WAIT_LIMIT = "60"
"""The longest wait in seconds in these runs; the default is half an hour."""

OVERRIDES = (
    *("trainer.save_freq=1", "trainer.resume_mode=auto", "trainer.max_actor_ckpt_to_keep=3"),
    "trainer.total_training_steps=1000",
)


class Training:
    """A training over alpha and beta that saves every step."""

    def __init__(self, script, cluster, arguments) -> None:
        self.folder, self.run = cluster.folder, cluster.folder / "run"
        ranks = {"alpha": "0", "beta": "1"}
        self.nodes = {name: script(rank, *arguments, GD2PO_ENGINE_TIMEOUT=WAIT_LIMIT) for name, rank in ranks.items()}
        for node in self.nodes.values():  # a pipe that nobody reads would stop the display
            threading.Thread(target=node.stdout.read, daemon=True).start()

    def log(self) -> str:
        logs = sorted(self.folder.glob("outputs/cluster/*_alpha.log"))  # named by time
        return logs[-1].read_text(errors="replace") if logs else ""

    def await_saved(self, step: int) -> None:
        deadline = time.monotonic() + 400
        while (folders.tracked(self.run) or 0) < step:
            assert self.nodes["alpha"].poll() is None and time.monotonic() < deadline, self.log()[-4000:]
            time.sleep(0.2)

    def raylet(self, node: str) -> psutil.Process:
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if f"--node-name={node}" in command and str(self.folder) in " ".join(command) and "raylet" in command[0]:
                return process
        raise AssertionError(f"no raylet of {node}")

    def worker(self, title: str) -> psutil.Process:
        """The last of Ray's workers with such a title, on either node."""
        workers = [worker for node in self.nodes for worker in self.raylet(node).children(recursive=True)]
        return next(worker for worker in reversed(workers) if re.match(title, " ".join(worker.cmdline())))

    def driver(self) -> psutil.Process:
        """`gd2po train`, which the job runs on the head."""
        children = self.raylet("alpha").children(recursive=True)
        return next(child for child in children if child.cmdline()[2:3] == ["train"] and "python" in child.cmdline()[0])


Find = Callable[[Training], psutil.Process]


def worker(title: str) -> Find:
    return lambda training: training.worker(f"ray::{title}")


FAULTS: dict[str, tuple[Find, signal.Signals, str]] = {
    "a training worker is killed": (worker("WorkerDict"), signal.SIGKILL, "ActorDiedError|Connection closed by peer"),
    "a rollout server is killed": (worker("TransformersServer"), signal.SIGKILL, "ActorDiedError"),
    "the queue's storage is killed": (
        worker("SimpleStorageUnit"),
        signal.SIGKILL,
        "TransferQueue's storage has ended",
    ),
    "the queue's controller is killed": (
        worker("TransferQueueController"),
        signal.SIGKILL,
        "TransferQueue's controller has ended",
    ),
    "a reward worker is killed": (worker("RewardLoopWorker"), signal.SIGKILL, "ActorDiedError"),
    "the trainer is killed": (worker("TaskRunner"), signal.SIGKILL, "ActorDiedError"),
    "a node is lost": (
        lambda training: training.raylet("beta"),
        signal.SIGKILL,
        "Actor(Died|Unavailable)Error|Connection closed",
    ),
    "the driver is killed": (Training.driver, signal.SIGKILL, "has failed"),
    "the driver is asked to end": (Training.driver, signal.SIGTERM, "has failed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_it_ends_with_a_message_and_goes_on_after_the_last_checkpoint(script, small_training, cluster, name):
    """All in one folder: each training goes on where the fault before left it."""
    find, how, message = FAULTS[name]
    before = folders.tracked(cluster.folder / "run") or 0
    training = Training(script, cluster, small_training(*OVERRIDES))
    training.await_saved(before + 2)
    find(training).send_signal(how)
    since = time.monotonic()
    assert training.nodes["alpha"].wait(200) != 0
    seconds, log = time.monotonic() - since, training.log()
    last = re.findall(message, log)[-1:]
    saved = folders.tracked(training.run)
    logger.warning("%s after step %d: ended after %.0f s, step %d is saved; %s", name, before + 2, seconds, saved, last)
    assert re.search(message, log), log[-4000:]
    folder = folders.folder_of(training.run, folders.tracked(training.run))
    assert folders.fault(folder) == ""
    if name != "the driver is killed":  # nothing is left to say it
        assert f"the run has ended early. The last complete checkpoint is {training.run}/global_step_" in log
    cluster.await_end(120)
