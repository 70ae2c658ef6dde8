"""Real Ray nodes as processes of this machine, in a folder of their own, so that no other program finds them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'gd2po[cpu]'")

from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.policy import PolicySize, make_policy

TOOLS = Path(sys.executable).parent
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
SCRIPT = Path(__file__).parents[4] / "scripts" / "cluster.sh"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _own_address() -> str:
    """The address that Ray gives to its nodes here."""
    import ray

    return str(ray.util.get_node_ip_address())


def _text_of(process: Path) -> str:
    try:
        return process.read_text(errors="replace")
    except OSError:  # it ended between listing and reading, or belongs to somebody else
        return ""


class Cluster:
    """Ports, folder and environment of one cluster; every process started with it can be found again by a mark."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark = folder, f"GD2PO_TEST_CLUSTER={uuid.uuid4().hex}"
        self.port, self.dashboard_port, self.address = _free_port(), _free_port(), _own_address()
        self.dashboard = f"http://127.0.0.1:{self.dashboard_port}"
        self.environment = os.environ | {
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "RAY_TMPDIR": str(folder),
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # a node notices soon that its head has gone
            "VERL_PLATFORM": "cpu",
            **dict([self.mark.split("=")]),
        }
        self.environment.pop("RAY_ADDRESS", None)

    def run(self, *command: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a command as if in a terminal of its own; its output is a pipe."""
        return subprocess.Popen(
            command,
            env=self.environment | variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_node(self, name: str, *role: str) -> None:
        """`ray start` with one logical GPU."""
        options = [f"--node-name={name}", f"--temp-dir={self.folder}/ray", "--num-gpus=1", "--num-cpus=4"]
        options += ["--object-store-memory=100000000", "--dashboard-agent-listen-port=0", *role]
        with (self.folder / f"{name}.log").open("w") as log:
            subprocess.Popen(
                ["ray", "start", "--block", *options], env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )

    def processes(self) -> list[int]:
        """What still runs of it."""
        paths = Path("/proc").glob("[0-9]*/environ")
        return [int(path.parent.name) for path in paths if self.mark in _text_of(path)]

    def await_end(self, seconds: float) -> None:
        """Until all has ended but Ray's agents, which wait a minute for a head that has gone before they end."""
        deadline = time.monotonic() + seconds
        while (left := self._working()) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert left == {}

    def _working(self) -> dict[int, str]:
        commands = {pid: _text_of(Path(f"/proc/{pid}/cmdline")).replace("\0", " ") for pid in self.processes()}
        return {pid: command for pid, command in commands.items() if not command.startswith(AGENTS)}

    def kill(self, spare: Iterable[int] = ()) -> None:
        """End all of it at once, as a power cut would."""
        for process in set(self.processes()) - set(spare):
            with contextlib.suppress(ProcessLookupError):  # it ended with another one
                os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """An empty cluster; what is left of it is killed at the end. Its folder is short, for the sake of Ray's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="gd2po-", dir="/tmp"))
    made = Cluster(folder)
    yield made
    made.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def script(cluster: Cluster) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts scripts/cluster.sh as the node of a rank; returns the process that shows what it does."""
    usual = {
        "NODES": "alpha,beta",
        "HEAD_ADDR": cluster.address,
        "PORT": str(cluster.port),
        "DASHBOARD_PORT": str(cluster.dashboard_port),
        "GPUS_PER_NODE": "1",
        "RAY_START_OPTIONS": "--num-cpus=8 --object-store-memory=100000000",
        "JOIN_TIMEOUT": "180",
    }

    def start(rank: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return cluster.run("bash", str(SCRIPT), *arguments, **usual | {"NODE_RANK": rank} | variables)

    return start


@pytest.fixture
def small_training(cluster: Cluster) -> Callable[..., tuple[str, ...]]:
    """Arguments of the script for a policy that knows nothing, in folder `run` of the cluster; overrides at the end."""
    plan = Plan(("gd2po_hard",), 1, 1, cluster.folder)
    prepare_task(plan)
    texts = [{"instruction": "f", "input": "call f", "output": "<think> a </think>"}]
    make_policy(texts, plan.policy, PolicySize(), 0)
    chosen = [item for item in plan.overrides("gd2po_hard") if not item.startswith(("method=", "run.model="))]
    small = [
        "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        "trainer.val_before_train=false",
    ]
    small += ["data.max_prompt_length=320", "data.max_response_length=16", "trainer.test_freq=-1"]
    small += ["trainer.default_local_dir=run"]

    def arguments(*overrides: str) -> tuple[str, ...]:
        return ("tool-calling", "gd2po_hard", str(plan.policy), *chosen, *small, *overrides)

    return arguments


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool], float], None]:
    """Waits until something is true, and fails when it is not in time."""

    def eventually(true: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.2)

    return eventually
