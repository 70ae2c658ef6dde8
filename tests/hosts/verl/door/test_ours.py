"""A run that is not ours: whatever is wrapped calls verl's own function once, with the same arguments, and no more."""

import ast
import asyncio
import importlib
import inspect
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import gd2po.hosts.verl as host
from gd2po.errors import SettingsError
from gd2po.hosts.verl.door import ours, seam
from gd2po.hosts.verl.door.manifest import WRAPPED
from gd2po.hosts.verl.lifecycle import startup
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.run_state import calling
from gd2po.settings import GuardSwitches

ASKING = [row for row in WRAPPED if row.asks != "nobody"]
GUARDED = [row for row in ASKING if row.guard]


def name_of(row) -> str:
    return row.wrapper.removeprefix("gd2po.hosts.verl.") + "-" + row.symbol.rpartition(".")[2]


class Original:
    """Stands in the place of verl's own function and notes its calls."""

    def __init__(self, row):
        self.calls = []

        def function(*args, **kwargs):
            self.calls.append((args, kwargs))
            return "answer"

        async def coroutine(*args, **kwargs):
            return function(*args, **kwargs)

        if row.place == "vllm":
            self.function = coroutine if "_execute_method" in row.symbol else function
            self.is_property = False
            return
        owner, name = seam.holder(importlib.import_module(row.symbol.partition(":")[0]), row)
        real = inspect.getattr_static(owner, name)
        self.is_property = isinstance(real, property)
        self.function = coroutine if inspect.iscoroutinefunction(real) else function

    def call(self, row, *args, **kwargs):
        """Through what the plug-in puts in its place."""
        if self.is_property:
            replaced = seam.replacement(row, property(self.function)).fget
        else:
            replaced = seam.replacement(row, self.function)
        assert inspect.iscoroutinefunction(replaced) == inspect.iscoroutinefunction(self.function)
        answer = replaced(*args, **kwargs)
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


class Untouchable:
    """An argument that may be handed on and nothing else; its object has the configuration that verl's has."""

    def __init__(self, config):
        self.__dict__["config"] = config

    def __getattr__(self, name):
        raise AssertionError(f"a run that is not ours was asked for {name}")

    def __setattr__(self, name, value):
        raise AssertionError(f"a run that is not ours was given {name}")


@pytest.fixture
def stock(verl_config, monkeypatch):
    monkeypatch.delenv(ours.VARIABLE, raising=False)
    return verl_config("algorithm.adv_estimator=grpo")


def trainer_of(row):
    return ["trainer.use_v1=false"] if row.is_for_v0 else []


def arguments_of(row, config, owner):
    if row.asks == "config":
        return (config,)
    return ({},) if row.asks == "batch" else (owner,)


@pytest.mark.parametrize("row", ASKING, ids=name_of)
def test_a_run_that_is_not_ours_gets_verls_own_function_and_nothing_else(row, stock):
    original, owner, environment = Original(row), Untouchable(stock), dict(os.environ)
    arguments, options = (*arguments_of(row, stock, owner), object()), {"option": object()}
    before = str(stock)
    assert original.call(row, *arguments, **options) == "answer"
    assert original.calls == [(arguments, options)]
    assert str(stock) == before and dict(os.environ) == environment and list(vars(owner)) == ["config"]


@pytest.mark.parametrize("row", GUARDED, ids=name_of)
def test_a_guard_that_is_off_gets_verls_own_function_and_nothing_else(row, verl_config, rewards, monkeypatch):
    others = set(GuardSwitches.model_fields) - {row.guard}
    monkeypatch.setenv(ours.VARIABLE, ",".join(others))
    chosen = [*rewards("a"), f"+algorithm.gd2po.guards.{row.guard}=false", *trainer_of(row)]
    config = verl_config("algorithm.adv_estimator=gd2po", *chosen)
    original, owner = Original(row), SimpleNamespace(config=config)
    assert original.call(row, owner, 1, option=2) == "answer"
    assert original.calls == [((owner, 1), {"option": 2})]


@pytest.mark.parametrize("row", ASKING, ids=name_of)
def test_a_run_of_ours_is_recognised(row, verl_config, rewards, process_of_ours):
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a"), *trainer_of(row))
    owner = SimpleNamespace(config=config)
    arguments = ({ours.SKIP_MASKED: True},) if row.asks == "batch" else arguments_of(row, config, owner)
    with calling(owner):
        assert ours.PREDICATES[row.asks](arguments, {}, row.guard)


@pytest.mark.parametrize("row", [row for row in ASKING if row.is_for_v0], ids=name_of)
def test_the_classes_of_v0_belong_to_other_trainers_too_which_are_left_alone(row, verl_config, rewards):
    owner = SimpleNamespace(config=verl_config("algorithm.adv_estimator=gdpo", *rewards("a")))
    with calling(owner):
        assert not ours.PREDICATES[row.asks]((owner,), {}, row.guard)


def test_every_guard_has_a_switch_and_every_switch_a_guard():
    assert {row.guard for row in GUARDED} == set(GuardSwitches.model_fields)


@pytest.mark.parametrize(
    ("overrides", "is_ours"),
    [
        (["algorithm.adv_estimator=grpo"], False),
        (["algorithm.adv_estimator=rloo"], False),
        (["algorithm.adv_estimator=gdpo"], True),
        (["algorithm.adv_estimator=grpo", "+algorithm.gd2po.rewards.a.weight=1.0"], True),
        (["algorithm.adv_estimator=grpo", "+algorithm.gdpo_reward_keys=[a]"], True),
    ],
)
def test_whose_run_it_is_stands_in_its_configuration(verl_config, overrides, is_ours, monkeypatch):
    monkeypatch.delenv(ours.VARIABLE, raising=False)
    assert ours.PREDICATES["config"]((), {"config": verl_config(*overrides)}, None) is is_ours


def test_the_processes_of_a_run_are_told_which_guards_are_on(verl_config, rewards, caplog, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("SAGEMAKER_CONTAINER_LOG_LEVEL", "INFO")
    off = ["+algorithm.gd2po.guards.polling=false", "+algorithm.gd2po.guards.waits=false"]
    batches = ["data.train_batch_size=8", "actor_rollout_ref.actor.ppo_mini_batch_size=8"]
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a"), *off, *batches)
    startup.wrap_validate_config(lambda config: None)(config)
    told = config.ray_kwargs.ray_init.runtime_env.env_vars
    assert told["SAGEMAKER_CONTAINER_LOG_LEVEL"] == "INFO"  # what is set already is kept
    assert told[ours.VARIABLE] == "checkpoints,engine_end,prompts,queue_answers,weight_transfer"
    assert "guards of this run: on: checkpoints, engine_end, prompts" in caplog.text
    assert "off: polling, waits" in caplog.text


def names_in(*nodes) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def modules_of_verl(tree) -> set[str]:
    """Names by which a file knows modules that are not its own: what it imports, and modules handed to it."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    known = {
        alias.asname or alias.name.split(".")[0]
        for node in imports
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] in ("verl", "transfer_queue", "importlib")
    }
    parameters = (node for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation)
    return known | {node.arg for node in parameters if "ModuleType" in names_in(node.annotation)}


def changed_by(node) -> set[str]:
    """Names of the objects of which a statement sets an attribute or an item."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("setattr", "delattr"):
        return names_in(node.args[0])
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return names_in(*(target.value for target in targets if isinstance(target, ast.Attribute | ast.Subscript)))


@pytest.mark.parametrize("text", ["vars(module)['a'] = 1", "module.a = 1", "setattr(module, 'a', 1)", "module.A.b = 1"])
def test_a_change_of_a_module_is_noticed(text):
    tree = ast.parse(f"def change(module: ModuleType):\n    {text}")
    assert any(changed_by(node) & modules_of_verl(tree) for node in ast.walk(tree))


def test_an_unknown_guard_is_refused_with_the_nearest(verl_config, rewards):
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a"), "+algorithm.gd2po.guards.wait=false")
    with pytest.raises(SettingsError, match=r"algorithm\.gd2po\.guards\.wait: unknown setting\..*'waits'"):
        settings_of(config)


def test_nothing_but_the_seam_changes_verl():
    """So that everything that is replaced stands in the manifest."""
    for path in Path(host.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = modules_of_verl(tree)
        for node in ast.walk(tree):
            assert path.name == "seam.py" or not changed_by(node) & modules, f"{path}:{node.lineno}"
        assert path.name == "seam.py" or "register_post_import_hook" not in path.read_text(), path
