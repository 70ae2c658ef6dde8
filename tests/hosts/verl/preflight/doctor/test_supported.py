"""The table of versions against the metadata of what is installed, and how a package is judged."""

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from gd2po.hosts.verl.preflight.doctor import supported
from gd2po.hosts.verl.preflight.doctor.supported import TABLE, of_packages

EVERY = frozenset({"every run"})


def asked(lines: Iterable[str], package: str) -> set[SpecifierSet]:
    found = map(Requirement, lines)
    return {one.specifier for one in found if one.name.lower() == package.lower()}


def of_gd2po() -> Iterator[str]:
    """Requirements and extras as they are written: the metadata of an editable installation may be older."""
    project = tomllib.loads((Path(__file__).parents[5] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    yield from project["dependencies"]
    yield from itertools.chain.from_iterable(project["optional-dependencies"].values())


@pytest.mark.skipif(not version("verl").startswith("0.9.1"), reason="the table has verl 0.9.1's own ranges")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.package)
def test_a_range_is_the_one_that_the_packages_ask_for(row):
    ours = row.package in ("verl", "torch", "sglang")
    ranges = asked(of_gd2po() if ours else requires("verl") or (), row.package)
    if row.package == "verl":
        assert ranges and all(one.contains(version("verl")) for one in ranges)
    else:
        assert SpecifierSet(row.versions) in ranges


def judged(monkeypatch, installed: dict[str, str], *parts: str):
    monkeypatch.setattr(supported, "_installed", installed.get)
    return {finding.name: finding for finding in of_packages(EVERY | set(parts))}


def test_what_a_run_needs_must_be_there_and_the_rest_is_told(monkeypatch):
    findings = judged(
        monkeypatch, {"vllm": "0.24.0", "torch": "2.11.0+cu130"}, "rollouts with vllm", "training with fsdp"
    )
    assert (findings["vllm"].ok, findings["torch"].ok, findings["flash-attn"].ok) == (True, True, False)
    assert findings["flash-attn"].remedy == "pip install 'verl[fsdp]'"
    assert findings["sglang"].ok is findings["megatron-core"].ok is None


@pytest.mark.parametrize(("found", "ok"), [("0.23.1", False), ("0.24.0+cu130", True), ("0.25.0", False)])
def test_a_version_outside_the_range_is_a_problem(monkeypatch, found, ok):
    finding = judged(monkeypatch, {"vllm": found}, "rollouts with vllm")["vllm"]
    assert finding.ok is ok and re.match(r"==0\.24\.0, for rollouts with vllm", finding.expected)
