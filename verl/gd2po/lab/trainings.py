"""Methods in a real trainer: one training for each task, method and seed, the most telling first."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gd2po.errors import SettingsError, unknown_name
from gd2po.lab.methods import METHODS, LabMethod
from gd2po.lab.results import Result, ResultFolder, Setup, Task
from gd2po.lab.tasks import TASKS, Size, TrainingTask, size_of
from gd2po.quickstart.plan import TINY_MODEL

MOST_TELLING = (
    *("gdpo", "gdpo_floored", "grpo", "gd2po_hard", "gd2po_snr0.2"),
    *("gdpo_shrunk", "gd2po_guard", "gd2po_snr0.8", "gd2po_snr0.5", "gdpo_softmin"),
)
"""The methods that are trained where none is named; every seed has all of them before the next seed begins."""

VALIDATIONS = 3
"""The number of validations in a training, beside the one before it; the last step has one in any case."""


@dataclass(frozen=True)
class Training:
    """A training to be done: one method on one task with one seed.

    Attributes:
        task: What is learned.
        method: The method.
        seed: The seed of data, warm start, order of the prompts and rollouts.
        setup: What trains, which model, on which device.
        model: The model to start from: a folder, the name of a model on a hub, or ``tiny``.
        size: How much is computed.
    """

    task: TrainingTask
    method: LabMethod
    seed: int
    setup: Setup
    model: str
    size: Size

    @property
    def name(self) -> str:
        """The name in the output and of its folder."""
        return f"{self.task.name}/{self.method.name}-{self.setup.host}-{self.setup.model}-seed{self.seed}"

    @property
    def described(self) -> Task:
        """The task in results; what two trainings must have in common to be compared."""
        settings = {**asdict(self.size), "overrides": list(self.task.overrides)}
        return Task(
            name=self.task.name,
            summary=self.task.summary,
            categories=("training",),
            held_out=False,
            rewards=self.task.rewards,
            weights=self.task.weights,
            settings=settings,
        )

    def result(self, gold: Mapping[int, Mapping[str, float]], elapsed: Mapping[int, float], seconds: float) -> Result:
        """The result of the training.

        Args:
            gold: Step → reward → its mean in the validation after the step.
            elapsed: Step → seconds of training up to it.
            seconds: The time of the whole training, with its start and its validations.
        """
        rollouts = self.size.prompts * self.size.rollouts
        return Result(
            kind="runs",
            task=self.described,
            method=self.method.name,
            settings=dict(self.method.settings),
            setup=self.setup,
            seeds=(self.seed,),
            steps=tuple(gold),
            gold={name: [[round(rewards[name], 5)] for rewards in gold.values()] for name in self.task.rewards},
            rollouts=[[float(step * rollouts)] for step in gold],
            elapsed=[[round(elapsed[step], 2)] for step in gold],
            seconds=round(seconds, 2),
        )


Train = Callable[[Training, Sequence[str], Path], Result]
"""A training, Hydra's overrides over the configuration of its task, and its folder → what came of it."""


def plan_trainings(
    tasks: Sequence[str], methods: Sequence[str], seeds: int, setup: Setup, model: str, steps: int | None = None
) -> list[Training]:
    """All trainings, in the order in which they are done.

    Args:
        tasks: The names of the tasks; all that the model can learn if there are none.
        methods: The names of the methods; the most telling if there are none.
        seeds: The number of seeds.
        setup: What trains, which model, on which device.
        model: The model to start from.
        steps: The number of steps, if not that of the task.

    Raises:
        SettingsError: A task or a method is not known, or only the tiny policy can learn the task.
    """
    for names, known, kind in ((tasks, TASKS, "task of the lab"), (methods, METHODS, "method of the lab")):
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    fit = [name for name, task in TASKS.items() if task.for_models or model == TINY_MODEL]
    if unfit := [name for name in tasks if name not in fit]:
        raise SettingsError(
            f"the task {unfit[0]} is for the policy {TINY_MODEL}, but --model is {model}; choose from {', '.join(fit)}"
        )
    sizes = {name: size_of(TASKS[name], model) for name in fit}
    if steps is not None:
        sizes = {name: replace(size, steps=steps) for name, size in sizes.items()}
    return [
        Training(TASKS[task], METHODS[method], seed, setup, model, sizes[task])
        for seed in range(1, seeds + 1)
        for method in methods or MOST_TELLING
        for task in tasks or fit
    ]


def run_trainings(
    trainings: Sequence[Training], folder: Path, hours: float, train: Train
) -> Iterator[tuple[Training, str]]:
    """Do what is not there yet, one at a time, and tell of each what became of it.

    A training is started only if the longest one so far would end in time. Data and policy of a task and a seed are
    made before its first training, and kept for the others.

    Args:
        trainings: The trainings in their order.
        folder: The folder of results; logs lie below ``trainings``.
        hours: The time for all of them.
        train: The trainer.

    Raises:
        TrainingError: The trainer ended early; the message has the end of its log.
    """
    results, started, longest = ResultFolder(folder), time.monotonic(), 0.0
    missing = {task.name: task.missing() for task in dict.fromkeys(training.task for training in trainings)}
    for training in trainings:
        if reason := missing[training.task.name]:
            yield training, f"is left out: {reason}"
            continue
        if results.has_training(training.described, training.method.name, training.seed, training.setup):
            yield training, "is there"
            continue
        if time.monotonic() - started + longest > 3600 * hours:
            yield training, "is left for the next call: the time is up"
            return
        prepared = training.task.prepare(training.seed, training.model, (folder / "trainings" / "policies").resolve())
        begun = time.monotonic()
        run_folder = (folder / "trainings" / training.name).resolve()
        run_folder.mkdir(parents=True, exist_ok=True)
        results.write(train(training, overrides_of_training(training, prepared, run_folder), run_folder))
        seconds = time.monotonic() - begun
        longest = max(longest, seconds)
        yield training, f"trained in {seconds:.0f} s"


def overrides_of_training(training: Training, prepared: Mapping[str, str], run_folder: Path) -> list[str]:
    """Hydra's overrides of a training over the configuration of its task."""
    return [
        *overrides_of(training.method),
        "scale=cpu",
        *training.task.overrides,
        *training.size.overrides(),
        *(f"{key}={value}" for key, value in prepared.items()),
        f"run.model={training.setup.model}",
        f"run.seed={training.seed}",
        f"trainer.test_freq={validation_steps(training.size.steps)}",
        "trainer.save_freq=-1",
        "trainer.resume_mode=disable",
        f"trainer.default_local_dir={run_folder}",
    ]


def validation_steps(steps: int) -> int:
    """The number of steps from one validation to the next."""
    return max(1, steps // VALIDATIONS)


def overrides_of(method: LabMethod) -> list[str]:
    """Hydra overrides that choose a method, with all its options, over the configuration of a task."""
    estimator = method.settings["estimator"]
    base = "gd2po_hard" if estimator == "gd2po" else estimator
    overrides = [f"method={base}", f"run.method={method.name}"]
    for part, choice in method.settings.items():
        if part == "estimator":
            continue
        for name, value in choice.items() if isinstance(choice, Mapping) else [("", choice)]:
            key = ".".join(filter(None, ("algorithm.gd2po", part, name)))
            given = base == "gd2po_hard" and key == "algorithm.gd2po.filter.kind"
            overrides.append(f"{'' if given else '+'}{key}={value}")
    return overrides
