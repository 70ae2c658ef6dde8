"""One run folder, read on from where it was left."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gd2po.insight.metric_lines import Steps
from gd2po.insight.report.description import RunDescription, read_description
from gd2po.insight.report.rollouts import RolloutDump, Row, StepDump
from gd2po.insight.report.trackers import Metrics, ReportError
from gd2po.runs.files import SETTINGS_FILE

SHOWN_CONFLICTS = 10
"""How many rollouts of a run are shown with their texts."""

_SIGNS_OF_A_RUN = (SETTINGS_FILE, "hydra", "tensorboard", "metrics*.jsonl", "rollouts")
_FINISHED = "timing_s/step"


@dataclass(frozen=True, eq=False)
class Run:
    """A run as it stands.

    Attributes:
        folder: The folder of the run.
        description: The settings, the seed and the software of the run.
        steps: Step → metrics; step 0 is the validation before training.
        dumps: Step → what is kept of its rollouts.
        notes: What could not be read.
        conflicts: The rollouts with the strongest conflicts, the strongest first.
    """

    folder: Path
    description: RunDescription
    steps: Steps
    dumps: Mapping[int, StepDump]
    notes: tuple[str, ...]
    conflicts: tuple[Row, ...]

    @property
    def last_step(self) -> int:
        """The last finished step, 0 before the first."""
        return _last_step(self.steps)

    @property
    def has_ended(self) -> bool:
        """Whether its last step is the last it was to have; False where that is not known."""
        total = self.description.total_steps
        return total is not None and self.last_step >= total

    @property
    def progress(self) -> str:
        """Such as ``step 3 of 100``."""
        total = self.description.total_steps
        return f"step {self.last_step}" + (f" of {total}" if total else "")


class RunFolder:
    """A folder that a run writes into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._metrics = Metrics(folder)
        self._rollouts = RolloutDump(folder / "rollouts", SHOWN_CONFLICTS)

    def read_on(self) -> Run:
        """The run as it stands; reads what has been added since the last call."""
        description, steps = read_description(self.folder), self._metrics.read_on()
        dumps = self._rollouts.read_on(_last_step(steps), description.weights)
        notes = (*description.notes, *self._metrics.damage, *_notes(self.folder, dumps))
        return Run(self.folder, description, steps, dumps, notes, tuple(self._rollouts.strongest(dumps)))


def find_runs(folders: Iterable[Path]) -> list[RunFolder]:
    """The runs that are meant: each folder itself, or the runs right below it.

    Raises:
        ReportError: a folder is not there, or is no run and has none.
    """
    return [RunFolder(path) for path in dict.fromkeys(path for folder in folders for path in _runs_of(folder))]


def _runs_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ReportError(f"{folder} is {'no folder' if folder.exists() else 'not there'}; expected a folder of a run")
    if _is_run(folder):
        return [folder.resolve()]
    below = [path.resolve() for path in sorted(folder.iterdir()) if path.is_dir() and _is_run(path)]
    if not below:
        raise ReportError(
            f"{folder} is no run and none lies right below it: none of {', '.join(_SIGNS_OF_A_RUN)} is there. "
            "A run's folder is its trainer.default_local_dir"
        )
    return below


def _is_run(folder: Path) -> bool:
    return any(path for pattern in _SIGNS_OF_A_RUN for path in folder.glob(pattern))


def _last_step(steps: Steps) -> int:
    return max((step for step, values in steps.items() if _FINISHED in values), default=0)


def _notes(folder: Path, dumps: Mapping[int, StepDump]) -> Iterator[str]:
    unread, without = (sum(getattr(dump, name) for dump in dumps.values()) for name in ("unread", "without_record"))
    if unread:
        yield f"{folder / 'rollouts'}: {unread} lines cannot be read and are left out"
    if without:
        yield f"{folder / 'rollouts'}: {without} rollouts have no record of gd2po (padding has none) and are left out"
