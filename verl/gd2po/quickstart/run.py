"""The quickstart from beginning to end: data, policy, one training per method, table and plot."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from gd2po.errors import SettingsError
from gd2po.paths import config_dir
from gd2po.progress import Progress
from gd2po.quickstart import Plan, policy_maker, prepare_task
from gd2po.quickstart.by_trl import train_by_trl
from gd2po.quickstart.models import AUTO, resolve_model
from gd2po.quickstart.outcome import Outcome, read_outcome
from gd2po.quickstart.own_process import in_own_process
from gd2po.quickstart.plan import OF_VERL, REWARDS, TINY, TINY_MODEL
from gd2po.quickstart.summary import examples, plot, table
from gd2po.runs import process as runs
from gd2po.runs.process import Step, read_steps

_WIDTH = 140
"""The width of tables in a file."""

_NEXT = """
Next: the same trainer and configuration with a larger model and real data, on a GPU (pip install 'gd2po[vllm]'):

    bash scripts/train.sh tool-calling gd2po_hard /path/to/Qwen2.5-1.5B-Instruct

or, here, other methods: gd2po quickstart --methods gdpo_shrunk,gd2po_guard
"""


def run(
    methods: tuple[str, ...],
    steps: int | None,
    seed: int,
    folder: Path,
    plugins: tuple[str, ...] = (),
    model: str = TINY_MODEL,
    host: str = "verl",
) -> None:
    """Prepare, train each method, and show what happened: a table, answers, curves, and the verdict on the rollouts.

    Args:
        methods: The config names of the methods, see :func:`gd2po.quickstart.plan.method_titles`.
        steps: The number of training steps per method; None for as many as suit the model.
        seed: The seed of everything.
        folder: The folder that everything is written to.
        plugins: The modules or ``.py`` files that register further methods.
        model: The model to start from, see :func:`gd2po.quickstart.models.resolve_model`; TRL trains the tiny policy.
        host: The trainer, ``verl`` or ``trl``.

    Raises:
        SettingsError: An unknown method, no step to train, or a model for TRL.
        DownloadError: The model can be fetched from nowhere.
        TrainingError: The trainer ended early; the message has the end of its log.
    """
    plan = Plan(methods, TINY.steps if steps is None else steps, seed, folder, plugins)  # refuses before it fetches
    if host == "trl":
        if model not in (AUTO, TINY_MODEL):
            raise SettingsError(f"model is {model}, and host is trl; with TRL the quickstart trains {TINY_MODEL} only")
        model = TINY_MODEL
    console, start = Console(), time.perf_counter()
    if not console.is_terminal:
        console.width = _WIDTH
    results: dict[str, list[Step]] = {}
    with Progress(console) as progress, ThreadPoolExecutor(1) as beside:
        plan = replace(plan, model=resolve_model(model, progress.tell))
        if steps is None:
            plan = replace(plan, steps=plan.sizes.steps)
        _prepare(plan, progress)
        results[methods[0]] = _train(plan, methods[0], progress, host)
        verdict = beside.submit(_check, plan, methods[0])  # while the next method trains
        for method in methods[1:]:
            results[method] = _train(plan, method, progress, host)
        progress.begin("reading what happened", 1)
        of_verl = methods if host == "verl" else ()  # TRL saves no answers to test prompts
        outcomes = {method: read_outcome(plan.run_folder(method), REWARDS, plan.steps) for method in of_verl}
        plot(results, plan.titles, folder / "curves.png")
        said = verdict.result()
        progress.update(1)
    _show(console, plan, results, outcomes, said)
    console.print(
        f"{time.perf_counter() - start:.0f} s in all; seed {seed}: one seed shows that it works, not which is better"
    )
    console.print(_NEXT, highlight=False, soft_wrap=True, markup=False)


def _show(
    console: Console,
    plan: Plan,
    results: Mapping[str, Sequence[Step]],
    outcomes: Mapping[str, Outcome],
    verdict: str,
) -> None:
    trained = list(results)
    first, last = trained[0], trained[-1]
    if last in outcomes:
        title = "Answers to the three test prompts whose scores rose most, in the middle and least"
        console.print(f"\n{title} under {plan.titles[last]}\n")
        console.print(examples(outcomes[last]), highlight=False, markup=False, soft_wrap=True)
    console.print(f"\ngd2po check on the rollouts of {plan.titles[first]}\n")
    console.print(verdict, highlight=False, markup=False, soft_wrap=True)
    console.print(table(results, outcomes, plan))
    console.print(f"curves   {plan.folder / 'curves.png'}  (rewards, conflicts, masking)", soft_wrap=True)
    console.print(f"conflict {plan.folder / 'check.html'}", soft_wrap=True)
    rollouts = plan.run_folder(first) / "rollouts"
    console.print(f"rollouts {rollouts}  (scores, advantages and mask of each)", soft_wrap=True)


def _check(plan: Plan, method: str) -> str:
    """The verdict of ``gd2po check`` on the rollouts of one run; its page, with all figures, lies in the folder."""
    command = [sys.executable, "-P", "-m", "gd2po.cli", "check", str(plan.run_folder(method) / "rollouts")]
    shown = subprocess.run(
        [*command, "--html", str(plan.folder / "check.html")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": str(_WIDTH)},
    )
    if shown.returncode != 0:
        return f"gd2po check ended with exit code {shown.returncode}: {shown.stderr}"
    _, verdict, rest = shown.stdout.partition("Verdict:")
    return f"{verdict}{rest}".partition("\n\n")[0] or shown.stdout


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
    command += ["--config-dir", str(config_dir("tool-calling")), "--config-name", "base"]
    command += [*plan.overrides(method), *OF_VERL]
    environment = {"VERL_PLATFORM": "cpu", runs.METRICS_VARIABLE: str(metrics), "HYDRA_FULL_ERROR": "1"}
    code = runs.run(
        command, log, environment, lambda: on_step(max((step["step"] for step in read_steps(metrics)), default=0))
    )
    steps = list(read_steps(metrics))
    if code != 0 or not steps or steps[-1]["step"] < plan.steps:
        raise runs.failure(method, code, log)
    on_step(plan.steps)
    return steps


def _prepare(plan: Plan, progress: Progress) -> None:
    name = "tiny policy" if plan.is_tiny else Path(plan.model).name
    progress.begin(f"{name}, supervised warm start, percent", 100)
    prepare_task(plan)
    in_own_process(policy_maker(plan), lambda share: progress.update(round(100 * share)))
    progress.update(100)


def _train(plan: Plan, method: str, progress: Progress, host: str) -> list[Step]:
    name = plan.titles[method]
    progress.begin(f"{name}, starting {host}, steps", plan.steps)
    by_host = train_by_trl if host == "trl" else train
    return by_host(
        plan, method, lambda finished: progress.update(finished, f"{name}, training, steps" if finished else None)
    )
