"""docs/extending.md: each change applies to this repository, and the tests that it brings pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
COPIED = (
    "verl/gd2po",
    "tool-calling",
    "safe-alignment",
    "tests",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
SECTIONS = {
    section.split("\n", 1)[0]: section
    for section in (ROOT / "docs" / "extending.md").read_text(encoding="utf-8").split("\n## ")[1:]
}
NEEDS_VERL = {"A wrapped symbol of verl"}


def diff(name: str) -> str:
    """The changes of a section, one after the other."""
    return "".join(re.findall(r"^```diff\n(.*?)^```", SECTIONS[name], flags=re.MULTILINE | re.DOTALL))


def files_to_run(name: str) -> list[str]:
    """The test files that the section says to run."""
    said = " ".join(re.findall(r"`(?:PYTHONPATH=\. )?python -P -m pytest (.*?)`", SECTIONS[name]))
    return [path for path in said.split() if path.endswith(".py")]


def copy_to(folder: Path) -> Path:
    """This repository without what git ignores and what no change needs."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def apply(change: str, folder: Path, *options: str) -> None:
    command = ["git", "apply", "--unidiff-zero", *options, "-"]
    done = subprocess.run(command, input=change, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run_tests(folder: Path, files: list[str], *options: str) -> dict[str, list[str]]:
    """Test file → the outcome of each of its tests, in the copy and with the package of the copy."""
    report = folder / "report.xml"
    environment = os.environ | {"PYTHONPATH": f"{folder / 'verl'}{os.pathsep}{folder}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *options]
    done = subprocess.run([*command, *files], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert report.is_file(), done.stdout + done.stderr
    outcomes: dict[str, list[str]] = {file: [] for file in files}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".lstrip(".")
        (file,) = (file for file in files if name.startswith(file.removesuffix(".py").replace("/", ".")))
        outcomes[file].append(next((f"{child.tag}: {child.text}" for child in case), "passed"))
    return outcomes


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_to(tmp_path_factory.mktemp("extended"))


@pytest.fixture(scope="module")
def outcomes(copy: Path) -> dict[str, list[str]]:
    """Of all sections that need no verl, applied one after the other."""
    sections = [name for name in SECTIONS if name not in NEEDS_VERL]
    for name in sections:
        apply(diff(name), copy)
    files = [file for name in sections for file in files_to_run(name) if not file.startswith("tests/configs")]
    return run_tests(copy, files, "-m", "not e2e")


def test_there_are_nine_and_each_has_a_change_and_a_test():
    assert len(SECTIONS) >= 9
    assert all(diff(name) and files_to_run(name) for name in SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_change_applies_alone(name, tmp_path):
    touched = set(re.findall(r"^--- a/(\S+)", diff(name), flags=re.MULTILINE))
    for path in touched:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    apply(diff(name), tmp_path)


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in NEEDS_VERL])
def test_its_tests_pass(name, outcomes):
    for file in files_to_run(name):
        if not file.startswith("tests/configs"):
            assert outcomes[file] and set(outcomes[file]) == {"passed"}, (file, outcomes[file])


@pytest.mark.e2e
@pytest.mark.parametrize(("name", "options"), [("A wrapped symbol of verl", ()), ("A task", ("-k", "arithmetic"))])
def test_its_tests_with_verl_pass(name, options, tmp_path):
    pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")
    apply(diff(name), copy_to(tmp_path))
    outcomes = run_tests(tmp_path, files_to_run(name), "-m", "not e2e", *options)
    assert all(found and set(found) == {"passed"} for found in outcomes.values()), outcomes
