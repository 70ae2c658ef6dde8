"""The CPU build of vLLM is made to work with verl; the build for GPUs is left alone."""

from importlib import metadata

import pytest

from gd2po import vllm_cpu as vllm


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make an environment in which nothing but the named distributions is installed."""
    original = getattr(metadata.version, "__wrapped__", metadata.version)
    monkeypatch.setattr(metadata, "version", original)

    def install(*names):
        for name in names:
            folder = tmp_path / f"{name.replace('-', '_')}-0.27.1.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.27.1\n")
        monkeypatch.setattr("sys.path", [str(tmp_path)])
        return original

    return install


def test_the_cpu_build_answers_to_the_name_that_verl_asks_for(installed):
    installed("vllm-cpu")
    assert vllm.is_installed()
    version = vllm.wrap_version(metadata.version)
    assert (version("vllm"), version("vllm-cpu")) == ("0.27.1+cpu", "0.27.1")
    with pytest.raises(metadata.PackageNotFoundError):
        version("torch")


@pytest.mark.parametrize("names", [(), ("vllm",), ("vllm", "vllm-cpu")])
def test_anything_else_is_left_alone(installed, names, monkeypatch):
    original = installed(*names)
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert not vllm.is_installed()
    assert vllm.prepare_process() == {}
    assert metadata.version is original
    assert "VLLM_CPU_KVCACHE_SPACE" not in vllm.os.environ


def test_the_environment_of_an_engine_in_this_process_is_the_users_first(installed, monkeypatch):
    installed("vllm-cpu")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    for name in vllm.ENVIRONMENT.keys() - {"VLLM_CPU_KVCACHE_SPACE"}:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setitem(vllm.os.environ, name, "")  # so that it is taken back
        del vllm.os.environ[name]
    assert vllm.prepare_process() == {"enforce_eager": True}
    assert {name: vllm.os.environ[name] for name in vllm.ENVIRONMENT} == vllm.ENVIRONMENT | {
        "VLLM_CPU_KVCACHE_SPACE": "7"
    }


def test_weights_stay_where_new_ones_can_be_put():
    assert vllm.wrap_supports_onednn(True) is False
