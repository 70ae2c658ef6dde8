"""The settings of the run whose rollouts are checked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from gd2po.insight.check.reading.sources import Source
from gd2po.runs.files import SETTINGS_FILE, load_settings
from gd2po.settings import RewardSettings

_LEVELS = 2
"""A run's settings lie in the folder of its rollouts, or in the one above."""


@dataclass(frozen=True)
class RunSettings:
    """Rewards of a run as it was configured.

    Attributes:
        folder: The folder of the settings file; None if there is none.
        rewards: Reward → its settings.
        problem: The reason why files beside the rollouts are not used; empty if there is none.
    """

    folder: Path | None = None
    rewards: Mapping[str, RewardSettings] = field(default_factory=dict)
    problem: str = ""

    def of(self, names: Collection[str]) -> "RunSettings":
        """The settings of these rewards only."""
        return replace(self, rewards={name: reward for name, reward in self.rewards.items() if name in names})

    @property
    def gates(self) -> dict[str, Mapping[str, float]]:
        """Reward → the rewards that it requires, with their smallest scores, where all of them are here."""
        requires = {name: reward.requires for name, reward in self.rewards.items() if reward.requires}
        return {name: others for name, others in requires.items() if others.keys() <= self.rewards.keys()}

    def notes(self) -> Iterator[str]:
        """What a reader should know of the settings."""
        if self.problem:
            yield self.problem
        if self.folder and self.rewards:
            said = (f"{name} {_weight_text(reward)} {reward.direction}" for name, reward in self.rewards.items())
            yield (
                f"weights and directions are those of {self.folder / SETTINGS_FILE}, where no option says otherwise: "
                + ", ".join(said)
            )
        for name, requires in self.gates.items():
            conditions = ", ".join(f"{other} ≥ {least:g}" for other, least in requires.items())
            yield f"{name} counts only where {conditions}, as in the run; elsewhere it is 0"
        for name, reward in self.rewards.items():
            if reward.requires and name not in self.gates:
                yield f"{name} requires rewards that are not checked here ({', '.join(reward.requires)}): not applied"


def settings_beside(sources: Sequence[Source]) -> RunSettings:
    """The settings beside the files, if all that lie there say the same."""
    folders = [_folder_of_run(source.name) for source in sources]
    runs = list(dict.fromkeys(folder for folder in folders if folder))
    if not runs:
        return RunSettings()
    try:
        rewards = [_rewards(folder) for folder in runs]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return RunSettings(problem=f"{SETTINGS_FILE} beside the rollouts cannot be read, so it is not used: {reason}")
    if None in folders or any(other != rewards[0] for other in rewards):
        return RunSettings(problem=f"the files are not all of one run's settings, so no {SETTINGS_FILE} is used")
    return RunSettings(runs[0], rewards[0])


def _folder_of_run(name: str) -> Path | None:
    folders = Path(name).absolute().parents[:_LEVELS] if Path(name).is_file() else ()
    return next((folder for folder in folders if (folder / SETTINGS_FILE).is_file()), None)


def _rewards(folder: Path) -> dict[str, RewardSettings]:
    known = ("weight", "direction", "requires", "target", "tolerance", "rate", "limit")
    try:
        return {
            name: RewardSettings.model_validate({key: value for key, value in (reward or {}).items() if key in known})
            for name, reward in load_settings(folder)["rewards"].items()
        }
    except ValidationError as error:
        raise ValueError(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error


def _weight_text(reward: RewardSettings) -> str:
    """The weight of the settings: a number, a schedule, or a constraint."""
    if reward.target is None and isinstance(reward.weight, float):
        return f"{reward.weight:g}"
    return f"({reward.constraint or reward.weight})"
