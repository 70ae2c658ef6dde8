"""The settings of the run whose rollouts are checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gd2po.insight.check.reading.sources import Source
from gd2po.runs.files import SETTINGS_FILE
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
    paths = [_beside(source.name) for source in sources]
    files = list(dict.fromkeys(path for path in paths if path))
    if not files:
        return RunSettings()
    try:
        found = [_rewards(file) for file in files]
    except (OSError, ValueError, RecursionError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return RunSettings(problem=f"{SETTINGS_FILE} beside the rollouts cannot be read, so it is not used: {reason}")
    if None in paths or any(rewards != found[0] for rewards in found):
        return RunSettings(problem=f"the files are not all of one run's settings, so no {SETTINGS_FILE} is used")
    return RunSettings(str(files[0]), found[0])


def _beside(name: str) -> Path | None:
    folders = Path(name).absolute().parents[:_LEVELS] if Path(name).is_file() else ()
    return next((folder / SETTINGS_FILE for folder in folders if (folder / SETTINGS_FILE).is_file()), None)


def _rewards(file: Path) -> dict[str, RewardSettings]:
    block = json.loads(file.read_text(encoding="utf-8"))["rewards"]
    known = ("weight", "direction", "requires", "target", "tolerance", "rate", "limit")
    try:
        return {
            name: RewardSettings.model_validate({key: value for key, value in (reward or {}).items() if key in known})
            for name, reward in block.items()
        }
    except ValidationError as error:
        raise ValueError(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error
