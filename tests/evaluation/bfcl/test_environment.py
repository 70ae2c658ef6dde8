"""BFCL's environment: made once, made whole, and its failures said in words. A tiny wheel stands for the real one."""

import hashlib
import zipfile
from pathlib import Path
from threading import Thread

import pytest

from gd2po.evaluation.bfcl import environment
from gd2po.evaluation.bfcl.environment import InstallError, ensure_environment, environment_folder

pytestmark = pytest.mark.e2e


def write_wheel(folder: Path, name: str) -> str:
    """A wheel with one empty module; returns its sha256."""
    path = folder / f"{name}-1-py3-none-any.whl"
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Requirement files for two tiny wheels, an offline pip, and an empty cache."""
    digest = write_wheel(tmp_path, "probe_wheel")
    write_wheel(tmp_path, "probe_package")
    (tmp_path / "wheel.txt").write_text(f"probe_wheel==1 --hash=sha256:{digest}\n")
    (tmp_path / "packages.txt").write_text("probe_package==1\n")
    monkeypatch.setattr(environment, "_WHEEL", tmp_path / "wheel.txt")
    monkeypatch.setattr(environment, "_PACKAGES", tmp_path / "packages.txt")
    monkeypatch.setenv("GD2PO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def installed(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("lib/*/site-packages/probe_*.py")}


def test_it_is_made_once_used_again_and_made_anew_when_half_made_or_outdated(requirements: Path):
    steps: list[str] = []
    python = ensure_environment(steps.append)
    folder = environment_folder()
    assert python.is_relative_to(folder) and installed(folder) == {"probe_wheel", "probe_package"} and len(steps) == 3
    assert ensure_environment(steps.append) == python and len(steps) == 3

    (folder / "gd2po-complete").unlink()
    (folder / "rubbish").touch()
    ensure_environment(steps.append)
    assert not (folder / "rubbish").exists() and len(steps) == 6

    (requirements / "packages.txt").write_text("probe_package>=1\n")
    ensure_environment(steps.append)
    assert len(steps) == 9


def test_another_content_of_the_wheel_is_refused_and_nothing_counts_as_made(requirements: Path):
    (requirements / "wheel.txt").write_text(f"probe_wheel==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(InstallError, match=r"(?s)failed with exit code 1.*HASH.*pip download.*PIP_NO_INDEX=1"):
        ensure_environment()
    assert not (environment_folder() / "gd2po-complete").exists()


def test_two_at_once_make_it_once(requirements: Path):
    steps: list[str] = []
    threads = [Thread(target=ensure_environment, args=(steps.append,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(step.split()[0] for step in steps) == ["BFCL's", "installing", "installing", "waiting"]
