"""Where the shipped configuration lies: in a checkout, or inside the installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def config_dir(task: str) -> Path:
    """The Hydra configuration of a task (``tool-calling``).

    Raises:
        FileNotFoundError: neither the checkout nor the wheel has it.
    """
    places = [_PACKAGE.parents[1] / task / "config", _PACKAGE / "config" / task]
    for place in places:
        if (place / "base.yaml").is_file():
            return place
    raise FileNotFoundError(f"no configuration of task {task!r} in {' or '.join(map(str, places))}; reinstall gd2po")
