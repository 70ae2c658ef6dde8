"""The door: verl finds the plug-in, every touched symbol still has its shape, and a changed verl says so."""

import subprocess
import sys
from dataclasses import replace

import pytest

from gd2po.errors import HostError
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door import supported_verl as versions
from gd2po.hosts.verl.door.manifest import HOST_SYMBOLS
from gd2po.hosts.verl.preflight.doctor import examine, require_plugin

IDS = [str(symbol) for symbol in HOST_SYMBOLS]


@pytest.mark.parametrize("symbol", HOST_SYMBOLS, ids=IDS)
def test_every_touched_symbol_is_as_written_and_wrapped(symbol):
    seam.resolve(symbol)
    assert seam.is_wrapped(symbol)


def test_verl_itself_loads_the_plug_in_in_a_fresh_process(in_a_fresh_process):
    program = (
        "import sys, verl; assert 'gd2po.hosts.verl.plugin' in sys.modules\n"
        "assert not any(m.startswith('verl.trainer') for m in sys.modules), 'importing verl became more expensive'\n"
        "import verl.trainer.ppo.v1.trainer_base as t\n"
        "print(t.PPOTrainer._compute_advantage.__gd2po_wraps__)"
    )
    assert in_a_fresh_process(program) == ["verl.trainer.ppo.v1.trainer_base.PPOTrainer._compute_advantage"]


def test_importing_gd2po_alone_imports_neither_verl_nor_ray():
    program = (
        "import sys, gd2po, gd2po.advantages, gd2po.settings, gd2po.cli; print({'verl', 'ray'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_parameters_that_only_pass_through_may_be_there_or_not():
    shorter = replace(HOST_SYMBOLS[0], parameters=(*HOST_SYMBOLS[0].parameters[:1], "*"))
    assert seam.resolve(shorter) is seam.resolve(HOST_SYMBOLS[0])
    with pytest.raises(HostError, match="its parameters are"):
        seam.resolve(replace(shorter, parameters=("other", "*")))


@pytest.mark.parametrize(
    ("change", "found"),
    [({"name": "validate_configuration"}, "it is not there"), ({"parameters": ("config",)}, "its parameters are")],
)
def test_a_changed_symbol_fails_with_what_why_and_remedy(change, found):
    symbol = replace(HOST_SYMBOLS[0], **change)
    with pytest.raises(HostError, match=f"has changed: {found}.*{symbol.what}.*because {symbol.why}.*Install verl"):
        seam.resolve(symbol)


def test_wrapping_twice_is_wrapping_once():
    import verl.utils.config as module

    before = module.validate_config
    seam._wrap_all_in(module)
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
