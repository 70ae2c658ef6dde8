"""The door: verl finds the plug-in, every touched symbol still has its shape, and a changed verl says so."""

import subprocess
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from gd2po.errors import HostError
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door import supported_verl as versions
from gd2po.hosts.verl.door.manifest import CALLED, WRAPPED
from gd2po.hosts.verl.preflight.doctor import examine, require_plugin

EVERYWHERE = [row for row in WRAPPED if row.place == "everywhere"]
FIRST = EVERYWHERE[0]


@pytest.mark.parametrize("row", EVERYWHERE, ids=lambda row: row.wrapper.removeprefix("gd2po.hosts.verl."))
def test_every_wrapped_symbol_is_as_written_and_wrapped(row):
    seam.require_wrapped(row)  # must not raise


@pytest.mark.parametrize("symbol", CALLED)
def test_every_called_symbol_is_as_written(symbol):
    seam.require_called(symbol)  # must not raise


def test_wrappers_have_the_names_of_what_they_wrap():
    for row in WRAPPED:
        symbol = row.symbol.rpartition(":")[2].rpartition(".")[2].strip("_").lower()
        _, _, wrapper = row.wrapper.partition(":wrap_")
        shared = {"init", "rest", "single_storage_unit", "cpu_offload_policy"}
        assert wrapper == symbol or wrapper in shared, row


def resolve(row, **change):
    row = replace(row, **change)
    return seam.resolve(row.symbol, row.parameters, seam.purpose(row))


def test_verl_itself_loads_the_plug_in_in_a_fresh_process(in_a_fresh_process):
    program = (
        "import sys, verl; assert 'gd2po.hosts.verl.plugin' in sys.modules\n"
        "assert not any(m.startswith('verl.trainer') for m in sys.modules), 'importing verl became more expensive'\n"
        "import verl.trainer.ppo.v1.trainer_base as t\n"
        "print(*t.PPOTrainer._compute_advantage.__gd2po_wraps__)"
    )
    assert in_a_fresh_process(program) == ["gd2po.hosts.verl.step.advantage:wrap_compute_advantage"]


def test_importing_gd2po_alone_imports_neither_verl_nor_ray():
    program = (
        "import sys, gd2po, gd2po.advantages, gd2po.settings, gd2po.cli; print({'verl', 'ray'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_parameters_that_only_pass_through_may_be_there_or_not():
    first = FIRST.parameters.split()[0]
    assert resolve(FIRST, parameters=f"{first} *") is resolve(FIRST)
    with pytest.raises(HostError, match="it has the parameters"):
        resolve(FIRST, parameters="other *")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"symbol": "verl.utils.config:validate_configuration"}, "it is not there"),
        ({"parameters": "config"}, "it has the parameters"),
    ],
)
def test_a_changed_symbol_fails_with_what_why_and_remedy(change, found):
    with pytest.raises(HostError, match=f"has changed: {found}.*{FIRST.what}.*because {FIRST.why}.*Install verl"):
        resolve(FIRST, **change)


@pytest.fixture
def changed():
    """A module of verl whose function has another parameter than the manifest says, and one that is gone."""
    module = ModuleType("host")
    module.work = lambda config, other: (config, other)
    rows = [replace(FIRST, symbol=f"host:{name}", parameters="config", asks="config") for name in ("work", "gone")]
    return module, rows


def test_a_changed_verl_ends_a_run_of_ours_at_its_call_and_no_other_run(changed, verl_config):
    module, rows = changed
    for row in rows:
        seam.wrap(module, row)
    stock = verl_config("algorithm.adv_estimator=grpo")
    assert module.work(stock, other=2) == (stock, 2)
    with pytest.raises(HostError, match=r"host\.work has changed"):
        module.work(verl_config("algorithm.adv_estimator=gd2po"), 2)


def test_a_changed_verl_ends_a_process_of_a_run_of_ours_at_its_import(changed, process_of_ours):
    module, rows = changed
    for row in rows:
        with pytest.raises(HostError, match="has changed"):
            seam.wrap(module, row)


def test_a_changed_v0_ends_runs_of_v0_alone(changed, process_of_ours, verl_config, rewards):
    module, rows = changed
    seam.wrap(module, replace(rows[0], asks="v0 self.config"))
    v1 = SimpleNamespace(config=verl_config("algorithm.adv_estimator=gd2po", *rewards("a")))
    v0 = SimpleNamespace(config=verl_config("algorithm.adv_estimator=gd2po", *rewards("a"), "trainer.use_v1=false"))
    assert module.work(v1, other=2) == (v1, 2)
    with pytest.raises(HostError, match=r"host\.work has changed"):
        module.work(v0, 2)


def test_a_run_of_v0_checks_its_symbols_before_ray_starts(monkeypatch, verl_config, rewards):
    from verl.trainer.ppo.ray_trainer import RayPPOTrainer

    from gd2po.hosts.verl.lifecycle.startup import wrap_validate_config

    monkeypatch.delattr(RayPPOTrainer, "_dump_generations")
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b"), "trainer.use_v1=false")
    with pytest.raises(HostError, match=r"RayPPOTrainer\._dump_generations has changed: it is not there"):
        wrap_validate_config(lambda *_: None)(config)


def test_wrapping_twice_is_wrapping_once():
    import verl.utils.config as module

    before = module.validate_config
    seam.install("everywhere")
    assert module.validate_config is before


@pytest.mark.parametrize("version", ["0.8.0", "0.10.0", "1.0"])
def test_an_unsupported_verl_is_named_with_the_remedy(monkeypatch, version):
    monkeypatch.setattr(versions, "version", lambda _: version)
    with pytest.raises(HostError, match=rf"verl {version} is installed.*>=0\.9\.0,<0\.10.*pip install"):
        versions.require_supported_verl()


def test_the_launcher_refuses_to_start_when_verl_was_told_not_to_load_it(in_a_fresh_process):
    program = (
        "from gd2po.cli import app; from typer.testing import CliRunner\n"
        "found = CliRunner().invoke(app, ['train']); print(found.exit_code, found.stderr)"
    )
    code, *said = in_a_fresh_process(program, VERL_USE_EXTERNAL_PLUGINS="none")
    assert code == "2"
    assert "VERL_USE_EXTERNAL_PLUGINS='none' keeps verl from loading it" in " ".join(said)


def test_the_doctor_finds_nothing_wrong_here():
    require_plugin()
    assert [finding for finding in examine() if finding.ok is False] == []
