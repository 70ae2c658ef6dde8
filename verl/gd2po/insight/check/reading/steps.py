"""The step of the training in the name of a file or of its folder."""

import re
from collections.abc import Sequence
from pathlib import Path

_STEP = re.compile(
    r"(?:.*(?:step|steps|completions|iteration|iter|checkpoint|rollouts?)[_.-]?)?([0-9]{1,12})", re.IGNORECASE
)


def steps_in_names(names: Sequence[str]) -> dict[str, int]:
    """File → step, as in ``12.jsonl``, ``completions_00012.parquet``, ``step_12/a.csv``; empty unless all tell one."""
    steps = {name: _step(name) for name in names}
    known = {name: step for name, step in steps.items() if step is not None}
    return known if len(known) == len(steps) and len(set(known.values())) > 1 else {}


def _step(name: str) -> int | None:
    path = Path(name)
    stem = path.name.split(".")[0]
    match = _STEP.fullmatch(stem) or _STEP.fullmatch(path.parent.name)
    return int(match[1]) if match else None
