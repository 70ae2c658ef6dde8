"""The schema of results, for small worlds and for real trainings, and the folder that holds them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gd2po.errors import GD2POError
from gd2po.files import write_whole

Format = Literal["gd2po-lab-1"]
FORMAT: Format = "gd2po-lab-1"
"""The name of the schema."""

Stage = Literal["start", "halfway"]


class LabError(GD2POError, ValueError):
    """Results are missing, or are no results of the lab."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(_Record):
    """What is learned.

    Attributes:
        name: The name of the world, or of the task.
        summary: What it is, in a line.
        categories: The regimes to which it belongs.
        held_out: Whether it was written down before a method was run on it.
        rewards: The names of the rewards.
        weights: The weight of each reward.
        settings: The other settings of the training.
    """

    name: str
    summary: str
    categories: tuple[str, ...]
    held_out: bool
    rewards: tuple[str, ...]
    weights: tuple[float, ...]
    settings: dict[str, Any]


class Setup(_Record):
    """What trained a language model. Only results of the same setup are compared.

    Attributes:
        host: The program whose trainer it was.
        model: The name of the model to start from; ``tiny`` for a small policy from scratch.
        device: The name of the device that computed.
    """

    host: Literal["trl", "verl"]
    model: str
    device: str


class Update(_Record):
    """The update of a method at given policies; a number for each seed.

    Attributes:
        cosine: The mean cosine of the update of a batch with the exact gradient of the weighted gold rewards.
        cosine_of_mean: The cosine of the mean update over batches with that gradient.
        signal_to_noise: The squared length of the mean update, without bias, over the variance of one batch's.
        masked: The share of the rollouts that are dropped.
        gain: Reward → the gain c_k that the sampled scores alone predict.
        certainty: Reward → that gain over its standard error over groups.
        pooled_gain: Reward → the gain with scores in units of the batch's spread instead of their group's.
        change: Reward → the change of the gold reward in the next 25 steps of training with the method.
    """

    cosine: list[float]
    cosine_of_mean: list[float]
    signal_to_noise: list[float]
    masked: list[float]
    gain: dict[str, list[float]]
    certainty: dict[str, list[float]]
    pooled_gain: dict[str, list[float]]
    change: dict[str, list[float]]


class Result(_Record):
    """One method on one task, with all seeds.

    Attributes:
        format: The name of the schema.
        kind: Small exact worlds, or trainings of a language model.
        task: What is learned.
        method: The name of the method.
        settings: Its settings, with the estimator under `estimator`.
        setup: What trained, which model, on which device; trainings only. Where it is missing, verl trained the tiny
            policy on a CPU.
        seeds: The seeds.
        steps: The number of steps done at each evaluation.
        gold: Reward → gold rewards [evaluations][seeds]: exact expectations in worlds, validations in trainings.
        rollouts: The rollouts generated up to each evaluation [evaluations][seeds]; trainings only.
        elapsed: The seconds of training up to each evaluation, without those of the evaluations
            [evaluations][seeds]; trainings only.
        updates: The update at the start, and at the policies that `gdpo` has halfway; worlds only.
        seconds: The time that all this took.
    """

    format: Format = FORMAT
    kind: Literal["worlds", "runs"]
    task: Task
    method: str
    settings: dict[str, Any]
    setup: Setup | None = None
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    gold: dict[str, list[list[float]]]
    rollouts: list[list[float]] | None = None
    elapsed: list[list[float]] | None = None
    updates: dict[Stage, Update] = {}
    seconds: float

    @property
    def trained_with(self) -> Setup:
        """The setup of a training."""
        return self.setup or Setup(host="verl", model="tiny", device="CPU")


class Verdicts(_Record):
    """What `gd2po check` would choose in a world.

    Attributes:
        format: The name of the schema.
        task: The name of the world.
        seeds: The seeds whose rollouts were checked.
        chosen: Stage → the name of the method that the verdict suggests, for each seed.
    """

    format: Format = FORMAT
    task: str
    seeds: tuple[int, ...]
    chosen: dict[Stage, list[str]]


class ResultFolder:
    """A folder with a file for each world and method, and one for each training.

    They are ``WORLD/METHOD.json`` and ``TASK/METHOD-HOST-MODEL-seedN.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, result: Result) -> None:
        """Write a result, whole or not at all."""
        name = result.method
        if result.kind == "runs":
            name = _training_name(name, result.trained_with, result.seeds[0])
        self._write(self._folder / result.task.name / f"{name}.json", result)

    def write_verdicts(self, verdicts: Verdicts) -> None:
        """Write the verdicts of a world, whole or not at all."""
        self._write(self._folder / "verdicts" / f"{verdicts.task}.json", verdicts)

    def holds(self, task: Task, method: str, settings: dict[str, Any], seeds: tuple[int, ...]) -> bool:
        """Whether the result of a method on a task is there, with these settings and these seeds."""
        try:
            result = self.read(task.name, method)
        except (FileNotFoundError, LabError):
            return False
        return (result.task, result.settings, result.seeds) == (task, settings, seeds)

    def has_training(self, task: Task, method: str, seed: int, setup: Setup) -> bool:
        """Whether the result of a training of a task with these settings, by this setup, is there."""
        try:
            result = self.read(task.name, _training_name(method, setup, seed))
        except (FileNotFoundError, LabError):
            return False
        return (result.task.settings, result.trained_with) == (task.settings, setup)

    def holds_verdicts(self, task: str, seeds: tuple[int, ...]) -> bool:
        """Whether the verdicts of a world are there, for these seeds."""
        return any(verdicts.task == task and verdicts.seeds == seeds for verdicts in self.verdicts())

    def read(self, task: str, method: str) -> Result:
        """The result of a method on a task; that of a training has setup and seed after the name of the method.

        Raises:
            FileNotFoundError: there is none.
            LabError: the file is no result.
        """
        return _parsed(Result, self._folder / task / f"{method}.json")

    def results(self) -> Iterator[Result]:
        """All results, sorted by file.

        Raises:
            LabError: a file is no result.
        """
        for path in sorted(self._folder.glob("*/*.json")):
            if path.parent.name != "verdicts":
                yield _parsed(Result, path)

    def verdicts(self) -> Iterator[Verdicts]:
        """All verdicts, sorted by world."""
        for path in sorted(self._folder.glob("verdicts/*.json")):
            yield _parsed(Verdicts, path)

    @staticmethod
    def _write(path: Path, record: _Record) -> None:
        text = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        write_whole(path, f"{text}\n".encode())


def _training_name(method: str, setup: Setup, seed: int) -> str:
    return f"{method}-{setup.host}-{setup.model}-seed{seed}"


def _parsed(schema: Any, path: Path) -> Any:
    try:
        return schema.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise LabError(
            f"{path} is no {schema.__name__.lower()} of the lab ({place}: {first['msg']}): remove the file, and the "
            "command makes it again"
        ) from None
