"""The installed TRL against the manifest."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import HostError
from gd2po.hosts.trl import supported_trl
from gd2po.hosts.trl.manifest import SYMBOLS

trl = pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")


def test_the_installed_trl_is_as_written():
    assert supported_trl.require_supported_trl() == trl.__version__


@pytest.mark.parametrize("name", ["_calculate_rewards", "_compute_loss", "log"])
def test_a_changed_method_is_refused_with_its_purpose(monkeypatch, name):
    monkeypatch.setattr(trl.GRPOTrainer, name, lambda self, other: None)
    with pytest.raises(HostError, match=rf"TRL .* has changed: trl.GRPOTrainer.{name} has the parameters .*used to"):
        supported_trl.require_supported_trl()


def test_a_method_that_is_gone_is_refused(monkeypatch):
    monkeypatch.delattr(trl.GRPOTrainer, "_calculate_rewards")
    with pytest.raises(HostError, match="_calculate_rewards is not there"):
        supported_trl.require_supported_trl()


@pytest.mark.parametrize("version", ["1.9.2", "1.17.0"])
def test_another_version_is_refused_with_the_command_that_mends_it(monkeypatch, version):
    monkeypatch.setattr(supported_trl, "version", lambda package: version)
    with pytest.raises(HostError, match=rf"TRL {version} is installed; .*pip install 'gd2po\[trl\]'"):
        supported_trl.require_supported_trl()


def test_a_trainer_without_what_is_read_is_refused():
    with pytest.raises(HostError, match=r"has no .*reward_func_names.*_logs\['extra'\]"):
        supported_trl.require_attributes(object())


def test_every_method_that_the_trainer_overrides_is_in_the_manifest():
    from gd2po.trl import MultiRewardGRPOTrainer

    overridden = {
        name
        for name, value in vars(MultiRewardGRPOTrainer).items()
        if inspect.isfunction(value) and hasattr(trl.GRPOTrainer, name)
    }
    assert overridden == {row.symbol.rpartition(".")[2] for row in SYMBOLS} - {"trl:GRPOConfig"}


def test_the_doctor_has_a_line_for_trl_where_it_is_installed(monkeypatch):
    assert f"{trl.__version__}; all 8 symbols" in supported_trl.described_trl()
    monkeypatch.setattr(trl.GRPOTrainer, "log", lambda self: None)
    with pytest.raises(HostError, match="has changed"):
        supported_trl.described_trl()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_doctor_needs_no_verl(monkeypatch, options):
    monkeypatch.setattr("gd2po.versions.installed", lambda *packages: {"trl": "1"} if "trl" in packages else {})
    shown = CliRunner().invoke(app, ["doctor", *options])
    assert shown.exit_code == 0 and f"{trl.__version__}; all 8 symbols" in shown.output
    assert not options or json.loads(shown.output)["ok"]


def test_a_missing_trl_is_named_with_the_command_that_installs_it(monkeypatch):
    def absent(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(supported_trl, "version", absent)
    with pytest.raises(HostError, match=r"TRL is not installed; run: pip install 'gd2po\[trl\]'"):
        supported_trl.require_supported_trl()
    assert supported_trl.described_trl() is None


def test_the_door_needs_neither_verl_nor_ray():
    program = "import sys, gd2po.trl; print(sorted({'verl', 'ray', 'transfer_queue', 'hydra'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("[]"), done.stderr
