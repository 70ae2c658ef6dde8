"""The settings of the run whose rollouts are checked."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        file: The settings file; empty if there is none.
        rewards: Reward → its settings.
        problem: The reason why files beside the rollouts are not used; empty if there is none.
    """

    file: str = ""
    rewards: dict[str, RewardSettings] | None = None
    problem: str = ""


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
    return RunSettings(str(runs[0] / SETTINGS_FILE), rewards[0])


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
