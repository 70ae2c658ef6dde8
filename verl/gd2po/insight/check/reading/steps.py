"""The step of the training in the name of a file or of its folder."""

import re
from collections.abc import Sequence
from pathlib import Path

_STEP = re.compile(
    r"(?:.*(?:step|steps|completions|iteration|iter|checkpoint|rollouts?)[_.=-]?)?([0-9]{1,12})"
    r"|.*steps?[_.=-]?([0-9]{1,12})(?:[_.-].*)?",
    re.IGNORECASE,
)


def steps_in_names(names: Sequence[str]) -> dict[str, int]:
    """File → step, as in ``12.jsonl``, ``completions_00012.parquet``, ``step_12/a.csv``; empty unless all tell one."""
    steps = {name: _step(name) for name in names}
    known = {name: step for name, step in steps.items() if step is not None}
    return known if len(known) == len(steps) and len(set(known.values())) > 1 else {}


def _step(name: str) -> int | None:
    path = Path(name)
    stem = path.name.split(".")[0]
    text = step_in(stem) or step_in(path.parent.name)
    return int(text) if text else None


def step_in(name: str) -> str:
    """The digits of the step in the name of one file or folder; empty where it tells none."""
    match = _STEP.fullmatch(name)
    return match[1] or match[2] if match else ""
