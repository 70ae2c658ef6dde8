"""Machines with GPUs, as their ``nvidia-smi`` answers: made-up recordings in its real format. No GPU is behind them."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

MACHINES = {
    "8 x H100": "NVIDIA H100 80GB HBM3, 81559, 81008, 580.95.05\n" * 8,
    "8 x H100, one in use": "NVIDIA H100 80GB HBM3, 81559, 81008, 580.95.05\n" * 7
    + "NVIDIA H100 80GB HBM3, 81559, 20100, 580.95.05\n",
    "a card of 24 GB": "NVIDIA GeForce RTX 4090, 24564, 24111, 580.95.05\n",
    "an old driver": "NVIDIA A100-SXM4-40GB, 40960, 40340, 525.147.05\n" * 4,
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put an ``nvidia-smi`` in front that answers as one of the machines does."""

    def choose(name: str) -> None:
        _install(tmp_path / "bin", f"cat <<'END'\n{MACHINES[name]}END\n", monkeypatch)

    return choose


@pytest.fixture
def broken_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is there, the driver is not."""
    said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    _install(tmp_path / "bin", f'echo "{said}"; exit 9\n', monkeypatch)


def _install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
