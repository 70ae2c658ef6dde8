"""A step of BFCL in a new process of its own environment: started, watched, and its failure put into words.

Always a new one: the evaluator keeps the simulators of an entry in its module, so that a second evaluation in one
process would go on with the state that the first has left behind.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import gd2po
from gd2po.errors import GD2POError
from gd2po.evaluation.bfcl.environment import ensure_environment
from gd2po.evaluation.bfcl.job import REFUSAL, Job, Step
from gd2po.runs.process import run

_CHILD = ("-m", "gd2po.evaluation.bfcl.child")
_LAST_LINES = 15


class BFCLError(GD2POError, RuntimeError):
    """An evaluation that cannot be carried to its end."""


def carry_out(
    step: Step, job: Job, folder: Path, watch: Callable[[], None] = lambda: None, program: Sequence[str] = _CHILD
) -> None:
    """Run one step to its end.

    Args:
        step: The name of the step, see :mod:`.child.steps`.
        job: The order.
        folder: BFCL's project root: its ``result`` and ``score``, and our ``<step>.log``.
        watch: Called twice a second; an error that it raises ends the step.
        program: Python's arguments for the child; it gets the step and the job as arguments.

    Raises:
        BFCLError: The step failed.
        InstallError: The environment cannot be made.
    """
    python = ensure_environment()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{step}.log"
    with TemporaryDirectory(prefix="gd2po-") as path:
        (Path(path) / "gd2po").symlink_to(Path(gd2po.__file__).parent)  # alone, without what is installed beside it
        code = run([str(python), *program, step, job.to_json()], log, _variables(folder, path), watch)
    if code:
        raise _failure(step, code, log)


def _variables(folder: Path, path: str) -> dict[str, str]:
    return {
        "BFCL_PROJECT_ROOT": str(folder.resolve()),
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "TQDM_DISABLE": "1",
    }


def _failure(step: Step, code: int, log: Path) -> BFCLError:
    lines = log.read_text(errors="replace").rstrip().splitlines()
    if code == REFUSAL:
        return BFCLError(lines[-1])
    end = "\n".join(lines[-_LAST_LINES:])
    return BFCLError(f"BFCL's {step} ended with exit code {code}; the end of {log}:\n{end}")
