"""What a checkpoint of TRL needs beside TRL's own files for a run to go on as if it had not stopped."""

import json
from dataclasses import dataclass
from pathlib import Path

from gd2po.errors import SettingsError
from gd2po.files import write_whole
from gd2po.runs.identity import settings_identity
from gd2po.settings import Settings
from gd2po.weights import RewardWeights

STATE_FILE = "gd2po_state.json"
"""The state of the run, in each of its checkpoints."""

_MAY_CHANGE = ("skip_masked",)
"""Settings that do not change what is learned here, beside those of every host."""


@dataclass
class TrainingState:
    """What changes in a run, beside the weights of the policy.

    Attributes:
        weights: The weights of the rewards, step by step.
        generations: The number of generation batches so far, which tells apart the same prompt in different batches.
    """

    weights: RewardWeights
    generations: int = 0


def save_state(folder: Path, state: TrainingState, settings: Settings, step: int) -> None:
    """Write the state and the settings of a run into the folder of the checkpoint of a step."""
    content = {
        "settings": settings.resolved(),
        "state": {"generations": state.generations, "weights": state.weights.state_dict(step)},
    }
    write_whole(folder / STATE_FILE, json.dumps(content, indent=2) + "\n")


def load_state(folder: Path, state: TrainingState, settings: Settings) -> None:
    """Restore the state from the folder of a checkpoint; one that another trainer has made holds none.

    Raises:
        SettingsError: the checkpoint is of an experiment with other settings; which, and what to do.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    saved, current = (settings_identity(each, _MAY_CHANGE) for each in (content["settings"], settings.resolved()))
    for key in sorted(saved.keys() | current.keys()):
        if saved.get(key) != current.get(key):
            raise SettingsError(
                f"{folder} is a checkpoint of another experiment: its {key} is {saved.get(key)!r}, now it is "
                f"{current.get(key)!r}. Restore the setting, or start in another output_dir"
            )
    state.generations = content["state"]["generations"]
    state.weights.load_state_dict(content["state"]["weights"])
