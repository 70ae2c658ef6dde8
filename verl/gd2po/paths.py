"""Where the shipped configuration lies: in a checkout, or inside the installed wheel."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def config_dir(task: str, name: str = "base") -> Path:
    """The folder with ``name``.yaml of a task (``tool-calling``): ``base`` is its training, ``sft`` its warm start.

    Raises:
        FileNotFoundError: neither the checkout nor the wheel has it.
    """
    checkout = _PACKAGE.parents[1] / task
    places = [checkout / "config", checkout, _PACKAGE / "configs" / task]
    for place in places:
        if (place / f"{name}.yaml").is_file():
            return place
    raise FileNotFoundError(f"no {name}.yaml of task {task!r} in {' or '.join(map(str, places))}; reinstall gd2po")


def cache_dir() -> Path:
    """The folder for what is fetched or measured once per machine: ``GD2PO_CACHE``, else below the user's cache."""
    chosen = os.environ.get("GD2PO_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gd2po"
