"""BFCL's real environment, and the real answers of a perfect model, made once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gd2po.evaluation.bfcl.environment import VERSION, ensure_environment, environment_folder
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.bfcl.process import carry_out

JUDGED = (
    "simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
    "multi_turn_base", "multi_turn_miss_func",
)  # fmt: skip
"""What the evaluator judges here: every kind of question."""


@pytest.fixture(scope="session")
def bfcl_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of BFCL's environment; skips where it is not there and pip reaches no index that has the wheel."""
    if not environment_folder().is_dir():
        target = str(tmp_path_factory.mktemp("wheel"))
        probe = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", target, f"bfcl-eval=={VERSION}"]
        if subprocess.run(probe, capture_output=True).returncode:
            pytest.skip(f"BFCL's environment is not on this machine, and pip cannot fetch bfcl-eval {VERSION}")
    return ensure_environment()


@pytest.fixture(scope="session")
def perfect(bfcl_python: Path, gold_server: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project root of BFCL with right answers to all of :data:`JUDGED`."""
    root = tmp_path_factory.mktemp("perfect")
    carry_out("generate", Job(JUDGED), root, program=[str(gold_server.BFCL_CHILD)])
    return root


@pytest.fixture(scope="session")
def judged() -> tuple[str, ...]:
    """The categories of :func:`perfect`."""
    return JUDGED


@pytest.fixture
def answer() -> Callable[..., str]:
    """An answer with these lines in its tool block."""

    def make(*lines: str, think: str = "word") -> str:
        return "\n".join([f"<think> {think} </think>", "<tool_call>", *lines, "</tool_call>"])

    return make
