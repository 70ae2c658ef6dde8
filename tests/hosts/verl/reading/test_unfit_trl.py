"""An environment with verl and a TRL that verl's workers cannot import from."""

import importlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from gd2po.errors import HostError
from gd2po.hosts.verl.reading import unfit_trl


@pytest.fixture
def installed(monkeypatch):
    """Stands for an installed TRL with these modules: name → the names in it."""

    def installed(modules):
        def import_module(name):
            if name not in modules:
                raise ImportError(name)
            return SimpleNamespace(**dict.fromkeys(modules[name]))

        spec = "found" if modules else None
        monkeypatch.setattr(unfit_trl, "importlib", SimpleNamespace(import_module=import_module, util=importlib.util))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        monkeypatch.setattr(unfit_trl, "version", lambda name: "1.16.0")
        unfit_trl.refuse_unfit_trl.cache_clear()

    yield installed
    unfit_trl.refuse_unfit_trl.cache_clear()


def test_a_trl_without_the_class_is_refused(installed):
    installed({"trl": ["GRPOTrainer"]})
    with pytest.raises(HostError, match=r"TRL 1\.16\.0 is installed beside verl.*run: pip uninstall trl"):
        unfit_trl.refuse_unfit_trl()


@pytest.mark.parametrize("module", ["trl", "trl.experimental.ppo"])
def test_a_trl_with_the_class_and_none_at_all_pass(installed, module):
    installed({"trl": [], module: ["AutoModelForCausalLMWithValueHead"]})
    unfit_trl.refuse_unfit_trl()
    installed({})
    unfit_trl.refuse_unfit_trl()


def test_verl_looks_where_we_look():
    text = Path(importlib.util.find_spec("verl.models.transformers.monkey_patch").origin).read_text()
    for module in unfit_trl._MODULES:
        assert f"from {module} import {unfit_trl._CLASS}" in text
