"""Train a tiny policy for many steps on CPU, and show what memory it takes on the way and what is left at the end.

    .venv/bin/python -P scripts/endurance.py --steps 500        about 15 minutes on 2 cores; other arguments go to Hydra

Exit code 1: the training failed, something was left behind, or memory grew by more than --limit MiB in the second half.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.policy import PolicySize, make_policy

ROOT = Path(__file__).parents[1]
MIB = 1 << 20
POLICY_TEXTS = [{"instruction": "f", "input": "call f", "output": "<think> a </think>"}]
SMALL = (
    *("data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=2"),
    *("data.max_prompt_length=320", "data.max_response_length=8", "trainer.total_epochs=1000"),
    *("trainer.val_before_train=false", "trainer.test_freq=-1", "trainer.resume_mode=disable", "trainer.logger=[file]"),
)
"""Four prompts, two rollouts of eight tokens: as many steps a minute as the machinery allows."""

ROLES = {
    "driver": r"gd2po(\.cli)? .*train |gd2po train",
    "trainer": r"ray::TaskRunner",
    "actor worker": r"ray::.*(WorkerDict|ActorRollout)",
    "rollout server": r"ray::.*Server",
    "agent loop": r"ray::.*AgentLoop",
    "reward loop": r"ray::.*RewardLoop",
    "queue controller": r"ray::.*TransferQueueController",
    "queue storage": r"ray::.*SimpleStorage",
    "raylet": r"raylet/raylet ",
    "gcs": r"gcs_server ",
}
OTHERS = "others (agents of Ray, idle workers)"


@dataclass
class Watch:
    """The processes of a run, each that was ever seen, and their memory at some steps."""

    process: psutil.Process
    seen: set[psutil.Process] = field(default_factory=set)
    samples: dict[int, dict[str, float]] = field(default_factory=dict)

    def look(self) -> list[psutil.Process]:
        alive = [self.process, *self.process.children(recursive=True)] if self.process.is_running() else []
        self.seen.update(alive)
        return alive

    def sample(self, step: int) -> None:
        row: dict[str, float] = defaultdict(float)
        segments: dict[tuple[int, int], int] = {}
        for process in self.look():
            try:
                row[role_of(" ".join(process.cmdline()) + " ")] += process.memory_info().rss / MIB
                row["open files, all"] += process.num_fds()
                segments |= shared_memory_of(process.pid)
            except psutil.NoSuchProcess:  # an idle worker that Ray has ended meanwhile
                continue
        row["/dev/shm"] = sum(segments.values()) / MIB
        row["processes, all"] = len(self.seen & set(self.look()))
        self.samples[step] = row

    def left(self, seconds: float) -> tuple[list[psutil.Process], float]:
        """Processes that still run after waiting for them, and how long the last one took."""
        start = time.monotonic()
        _, alive = psutil.wait_procs(self.seen, timeout=seconds)
        return alive, time.monotonic() - start


def role_of(command: str) -> str:
    return next((role for role, pattern in ROLES.items() if re.search(pattern, command)), OTHERS)


def shared_memory_of(process: int) -> dict[tuple[int, int], int]:
    """Bytes of each file in /dev/shm that a process holds open, also of one that has no name any more."""
    found = {}
    for link in Path(f"/proc/{process}/fd").glob("*"):
        try:
            if os.readlink(link).startswith("/dev/shm/"):
                status = link.stat()
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
        except OSError:  # closed meanwhile
            continue
    return found


def train(folder: Path, temporary: Path, steps: int, overrides: list[str]) -> subprocess.Popen[bytes]:
    """Start the shipped tool-calling configuration on a policy that knows nothing; it has all its files in `folder`."""
    plan = Plan(("gd2po_hard",), steps, 1, folder)
    prepare_task(plan)
    make_policy(POLICY_TEXTS, plan.policy, PolicySize(), 0)
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--config-dir", f"{ROOT}/tool-calling/config"]
    command += ["--config-name", "base", *plan.overrides("gd2po_hard"), *SMALL, *overrides]
    places = {"RAY_TMPDIR": str(temporary), "TMPDIR": str(temporary), "VERL_FILE_LOGGER_PATH": f"{folder}/steps.jsonl"}
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | places)


def follow(run: subprocess.Popen[bytes], metrics: Path, every: int) -> Watch:
    """Sample whenever `every` more steps have finished, until the run ends."""
    watch = Watch(psutil.Process(run.pid))
    while run.poll() is None:
        watch.look()
        step = last_step(metrics)
        due = step - step % every
        if due and due not in watch.samples:
            watch.sample(due)
            typer.echo(f"step {step}", err=True)
        time.sleep(0.5)
    return watch


def last_step(metrics: Path) -> int:
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return int(json.loads(lines[-1])["step"]) if lines else 0


def table_of(samples: dict[int, dict[str, float]]) -> Table:
    table = Table("MiB resident at step", *map(str, samples), box=None)
    for role in (*ROLES, OTHERS, "/dev/shm", "processes, all", "open files, all"):
        table.add_row(role, *(f"{row[role]:.0f}" for row in samples.values()))
    return table


def growth(samples: dict[int, dict[str, float]]) -> dict[str, float]:
    """MiB by which each role has grown from the middle sample to the last."""
    rows = list(samples.values())
    middle, last = rows[len(rows) // 2], rows[-1]
    return {role: last[role] - middle[role] for role in (*ROLES, OTHERS, "/dev/shm")}


def counted(temporary: Path) -> str:
    """What lies in a folder: the logs of Ray's session as a number, anything else by name, less the ids in it."""
    files = [path.relative_to(temporary) for path in temporary.rglob("*") if not path.is_dir()]
    others = [path for path in files if "logs" not in path.parts]
    names = sorted({re.sub(r"_[0-9a-f]{56}$", "", path.name) for path in others})
    return f"{len(files) - len(others)} logs of Ray, and {', '.join(names) or 'nothing else'}"


def show(console: Console, watch: Watch, run: subprocess.Popen[bytes], limit: float) -> bool:
    """The table, and what grew; whether all is well."""
    console.print(table_of(watch.samples))
    grown = {role: mib for role, mib in growth(watch.samples).items() if mib > limit} if watch.samples else {}
    console.print(f"grown by more than {limit:.0f} MiB in the second half: {grown or 'nothing'}")
    alive, seconds = watch.left(60)
    console.print(f"processes left after {seconds:.0f} s: {[' '.join(one.cmdline())[:80] for one in alive] or 'none'}")
    return not (run.returncode or grown or alive)


def main(
    context: typer.Context,
    steps: Annotated[int, typer.Option(help="training steps")] = 500,
    every: Annotated[int, typer.Option(help="steps between two samples")] = 50,
    limit: Annotated[float, typer.Option(help="MiB by which one role may grow in the second half")] = 32.0,
    output: Annotated[Path, typer.Option(help="folder for data, policy, run and log")] = Path("outputs/endurance"),
) -> None:
    """Train, watch, and say what is left."""
    folder, temporary = output.resolve(), Path(tempfile.mkdtemp(prefix="gd2po-"))
    folder.mkdir(parents=True, exist_ok=True)
    metrics = folder / "steps.jsonl"
    metrics.unlink(missing_ok=True)
    shared_before, start = set(os.listdir("/dev/shm")), time.monotonic()
    run = train(folder, temporary, steps, context.args)
    watch = follow(run, metrics, every)
    console = Console(width=200)
    console.print(f"exit code {run.returncode} after {time.monotonic() - start:.0f} s, {last_step(metrics)} steps")
    well = show(console, watch, run, limit)
    shared = sorted(set(os.listdir("/dev/shm")) - shared_before)
    console.print(f"new in /dev/shm: {shared or 'nothing'}")
    console.print(f"temporary files: {counted(temporary)}")
    shutil.rmtree(temporary, ignore_errors=True)
    raise typer.Exit(0 if well and not shared else 1)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(main)
    app()
