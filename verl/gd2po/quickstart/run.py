"""The quickstart from beginning to end: data, policy, one training per method, table and plot."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gd2po.paths import config_dir
from gd2po.quickstart import Plan, prepare_policy, prepare_task
from gd2po.quickstart.by_trl import train_by_trl
from gd2po.quickstart.summary import plot, table
from gd2po.runs import process as runs
from gd2po.runs.process import Step, read_steps

_NEXT = """
Next, on a GPU machine (pip install 'gd2po[vllm]'), the same trainer and the same configuration with a real model:

    bash scripts/train.sh tool-calling gd2po_hard /path/to/Qwen2.5-1.5B-Instruct
"""


def run(
    methods: tuple[str, ...], steps: int, seed: int, folder: Path, plugins: tuple[str, ...] = (), host: str = "verl"
) -> None:
    """Prepare, train each method, show a table and write a plot.

    Args:
        methods: The config names of the methods, see :func:`gd2po.quickstart.plan.method_titles`.
        steps: The number of policy updates per method.
        seed: The seed of everything.
        folder: The folder that everything is written to.
        plugins: The modules or ``.py`` files that register further methods.
        host: The trainer, ``verl`` or ``trl``.

    Raises:
        SettingsError: An unknown method, or no step to train.
        TrainingError: the trainer ended early; the message has the end of its log.
    """
    plan = Plan(methods, steps, seed, folder, plugins)
    console, start = Console(), time.perf_counter()
    results: dict[str, list[Step]] = {}
    with _progress(console) as progress:
        _prepare(plan, progress)
        for method in methods:
            results[method] = _train(plan, method, progress, host)
    plot(results, plan.titles, folder / "curves.png")
    console.print(table(results, plan.titles))
    console.print(
        f"{time.perf_counter() - start:.0f} s in all; seed {seed}: one seed shows that it works, not which is better"
    )
    console.print(f"curves   {folder / 'curves.png'}", soft_wrap=True)
    console.print(
        f"rollouts {plan.run_folder(methods[0]) / 'rollouts'}  (scores, advantages and mask of each)", soft_wrap=True
    )
    console.print(_NEXT, highlight=False, soft_wrap=True, markup=False)


def train(plan: Plan, method: str, on_step: Callable[[int], None]) -> list[Step]:
    """Train one method by verl in a process of its own, and follow its metrics.

    Args:
        plan: The sizes and folders.
        method: The config name of the method.
        on_step: Called with the number of finished steps, also with 0 while verl starts.

    Returns:
        One entry per logged step; step 0 is the validation before training.

    Raises:
        TrainingError: verl ended early; the message has the end of its log.
    """
    folder = plan.run_folder(method)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    metrics, log = folder / "metrics.jsonl", folder / "log.txt"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train"]
    command += ["--config-dir", str(config_dir("tool-calling")), "--config-name", "base", *plan.overrides(method)]
    environment = {"VERL_PLATFORM": "cpu", runs.METRICS_VARIABLE: str(metrics), "HYDRA_FULL_ERROR": "1"}
    code = runs.run(
        command, log, environment, lambda: on_step(max((step["step"] for step in read_steps(metrics)), default=0))
    )
    steps = list(read_steps(metrics))
    if code != 0 or not steps or steps[-1]["step"] < plan.steps:
        raise runs.failure(method, code, log)
    on_step(plan.steps)
    return steps


def _progress(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def _prepare(plan: Plan, progress: Progress) -> None:
    task = progress.add_task("tiny policy, supervised warm start", total=100)
    prepare_task(plan)
    prepare_policy(plan, lambda share: progress.update(task, completed=round(100 * share)))
    progress.update(task, completed=100)


def _train(plan: Plan, method: str, progress: Progress, host: str) -> list[Step]:
    name = plan.titles[method]
    task = progress.add_task(f"{name}: starting {host}", total=plan.steps)

    def on_step(finished: int) -> None:
        activity = "training" if finished else f"starting {host}"
        progress.update(task, completed=finished, description=f"{name}: {activity}")

    return (train_by_trl if host == "trl" else train)(plan, method, on_step)
