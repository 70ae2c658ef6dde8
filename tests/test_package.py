"""What people install: wheel and sdist hold the package and its configurations, and verl finds the plug-in."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import gd2po

ROOT = Path(__file__).parents[1]
SDIST_ROOTS = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
TASKS = sorted(path.parent.parent for path in ROOT.glob("*/config/base.yaml"))
SDIST_ROOTS |= {"scripts", "verl", *(task.name for task in TASKS)}


def build(source: Path, into: Path, *kinds: str) -> None:
    command = [sys.executable, "-P", "-m", "build", "--no-isolation", *kinds, "--outdir", str(into), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist of the working tree, and a wheel made from that sdist."""
    folder = tmp_path_factory.mktemp("built")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    folders = {Path(name).parts[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {"gd2po", f"gd2po-{gd2po.__version__}.dist-info"}


def test_the_wheel_holds_every_configuration(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert len(TASKS) >= 2
    for task in TASKS:
        files = {path: path.relative_to(task / "config") for path in (task / "config").rglob("*.yaml")}
        files |= {path: path.relative_to(task) for path in task.glob("sft.yaml")}
        assert len(files) > 2
        assert {f"gd2po/configs/{task.name}/{place}" for place in files.values()} <= names


def test_the_wheel_registers_the_plugin_and_the_command(wheel):
    text = zipfile.ZipFile(wheel).read(f"gd2po-{gd2po.__version__}.dist-info/entry_points.txt").decode()
    assert "[verl.plugins]\ngd2po = gd2po.hosts.verl.plugin" in text
    assert "[console_scripts]\ngd2po = gd2po.cli:app" in text


def test_the_sdist_holds_what_the_wheel_is_made_of_and_nothing_else(sdist):
    with tarfile.open(sdist) as archive:
        names = [Path(*Path(name).parts[1:]) for name in archive.getnames()]
    assert {path.parts[0] for path in names} == SDIST_ROOTS
    assert [str(path) for path in names if path.parts[0] == "scripts"] == ["scripts/hatch_build.py"]
    assert not any(path.suffix in (".sh", ".md") for path in names if path.parts[0] in {task.name for task in TASKS})


def test_a_wheel_from_the_tree_is_the_wheel_from_the_sdist(wheel, tmp_path):
    build(ROOT, tmp_path, "--wheel")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_an_sdist_is_the_same_again(sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "again", "--sdist")
    assert (tmp_path / "again" / sdist.name).read_bytes() == sdist.read_bytes()


@pytest.mark.e2e
def test_an_unmodified_verl_finds_the_plugin_of_an_installed_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")  # what installing it does, less the command
    program = (
        "import verl, gd2po.hosts.verl.door.seam as seam\n"
        "from verl.trainer.ppo.v1.trainer_base import PPOTrainer as T\n"
        "print(seam.__file__, T._compute_advantage.__module__, hasattr(T._compute_advantage, '__wrapped__'))"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
    )
    assert found.returncode == 0, found.stderr
    module, _, wrapped = found.stdout.split()[-3:]
    assert Path(module).is_relative_to(tmp_path / "site")
    assert wrapped == "True"


def test_citation_and_changelog_name_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == gd2po.__version__
    assert citation["license"] == "Apache-2.0"
    first = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert first.split()[1] == gd2po.__version__
