"""The supported versions are those that the installed packages require, and an installed version is judged by them."""

from importlib.metadata import version

import pytest
from packaging.specifiers import SpecifierSet

from gd2po.hosts.verl.preflight.doctor.supported import of_packages, supported_versions

EVERY = frozenset({"every run"})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts the metadata of a distribution in front of what is installed."""

    def install(name: str, version: str, *requirements: str) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {line}" for line in requirements)]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def judged(*parts: str):
    return {result.name: result for result in of_packages(EVERY | set(parts))}


def test_ranges_are_those_that_the_installed_verl_requires(install):
    extra = "; extra == 'vllm'"
    install(
        "verl",
        "0.9.7",
        f"transformers==5.9.0{extra}",
        "transformers<6,>=5.7",
        f"vllm==0.31.0{extra}",
        "Ray[default]>=2.50",
    )
    results = judged()
    assert results["transformers"].expected == ">=5.7,<6, for every run", "the range of every run, not of one extra"
    assert results["vllm"].expected == "==0.31.0, for rollouts with vllm"
    assert supported_versions("ray") == SpecifierSet(">=2.50")
    assert results["flash-attn"].expected == "any version, for training with fsdp"


def test_the_installed_packages_of_every_run_are_supported():
    results = judged()
    for package in ("verl", "torch", "ray", "transformers", "TransferQueue", "tensordict"):
        assert results[package].ok and results[package].found == version(package)
        assert supported_versions(package) != SpecifierSet(), package


def test_torch_and_sglang_are_bound_by_gd2po():
    assert supported_versions("torch").contains("2.7") and not supported_versions("torch").contains("2.6")
    assert not supported_versions("sglang").contains("0.5.12"), "verl's own pin, which cannot be installed"


def test_what_a_run_needs_must_be_there_and_the_rest_is_told(install):
    install("vllm", str(supported_versions("vllm")).removeprefix("=="))
    results = judged("rollouts with vllm", "training with fsdp")
    assert (results["vllm"].ok, results["torch"].ok, results["flash-attn"].ok) == (True, True, False)
    assert results["flash-attn"].remedy == "pip install 'verl[fsdp]'"
    assert results["sglang"].ok is results["megatron-core"].ok is None


@pytest.mark.parametrize(("found", "ok"), [("0.23.1", False), ("0.24.0+cu130", True), ("0.25.0", False)])
def test_a_version_outside_the_range_is_a_problem(install, found, ok):
    install("verl", "0.9.1", "vllm==0.24.0; extra == 'vllm'")
    install("vllm", found)
    result = judged("rollouts with vllm")["vllm"]
    assert result.ok is ok and result.expected == "==0.24.0, for rollouts with vllm"
