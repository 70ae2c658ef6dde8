"""Runs changed at random, in their YAML and on the command line: each is planned or refused, and no error escapes.

``GD2PO_CHANGES=1000`` tries so many changes of every run; a few are tried without it.
"""

import contextlib
import copy
import functools
import os
import pickle
import random
import sys
from types import SimpleNamespace

import pytest
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import GD2POError, SettingsError
from gd2po.hosts.verl.preflight.plan.composing import compose_run
from gd2po.hosts.verl.preflight.plan.making import make_plan
from gd2po.hosts.verl.reading.kinds import BLOCKS as REFUSED_BLOCKS
from gd2po.paths import config_dir

CHANGES = int(os.environ.get("GD2PO_CHANGES", "6"))
FUNCTION = "reward.custom_reward_function"
GD2PO = ["algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards={correct: {}, short: {direction: minimize}}"]
STOCK = ["algorithm.adv_estimator=gdpo", "+algorithm.gdpo_reward_keys=[acc,format]"]
PUBLIC = {
    "settings": [*GD2PO, "data.train_batch_size=512", "actor_rollout_ref.rollout.n=8"],
    "filter": [*GD2PO, "+algorithm.gd2po.filter={kind: snr, threshold: 0.5}"],
    "gates": [*GD2PO, "+algorithm.gd2po.rewards.short.requires={correct: 1.0}", "+algorithm.gd2po.missing=error"],
    "timeout": [*GD2PO, "+algorithm.gd2po.reward_timeout=10", "+algorithm.gd2po.on_reward_timeout=not_scored"],
    "reported": ["algorithm.adv_estimator=grpo", GD2PO[1], "algorithm.norm_adv_by_std_in_grpo=false"],
    "stock": [*STOCK, "+algorithm.gdpo_reward_weights=[1.0,0.5]", "reward.reward_manager.name=gdpo"],
    "dapo": [*STOCK, "reward.reward_manager.name=dapo", "+reward.reward_kwargs.max_resp_len=1024"],
    "function": [*STOCK, f"{FUNCTION}.path=absent.py", f"+{FUNCTION}.reward_kwargs={{scale: 2}}"],
    "old function": [*STOCK, "custom_reward_function.path=rew.py", "custom_reward_function.name=good"],
    "old model": [*STOCK, "reward_model.enable=true", "reward_model.model.path=/model", "reward_model.num_workers=4"],
}
"""Overrides of verl's own configuration, as public scripts have them."""

SHIPPED = [
    (task, method)
    for task in ("tool-calling", "safe-alignment")
    for method in ("grpo", "gdpo", "gd2po_hard", "gd2po_snr")
]
VALUES = [
    *(None, 0, -1, 2**70, 1.5, float("nan"), True, "", "4", "a,b", "[a", "???", "${x}", "${oc.env:ABSENT_VARIABLE}"),
    *([], {}, [1], ["a", "b"], {"a": None}, {"a": 1.0}, {1: 2}, {"a": {"weight": "x"}}, "x" * 3000, 10**400),
]
BLOCKS = ("algorithm", "reward", "custom_reward_function", "reward_model", "sandbox_fusion", "trainer", "data", "run")
FILE = """actor_rollout_ref: {rollout: {n: 4}, model: {path: m}}
algorithm:
  adv_estimator: gd2po
  gd2po: {rewards: {a: }}
"""
TEXTS = [
    "",
    "=",
    "'",
    '"',
    "{",
    "[",
    "]",
    ",",
    ":",
    "$",
    "${",
    "${x}",
    "~",
    "+",
    "++",
    "@",
    "\\",
    "\0",
    "é",
    "\ud800",
    "None",
]


class RayStarts(BaseException):
    """Raised where verl's main starts Ray: everything before it has passed."""


@pytest.fixture
def train(monkeypatch, tmp_path):
    """``gd2po train`` in this process, up to where Ray starts: whether the run gets there, or why it is refused."""
    from verl.trainer import main_ppo

    from gd2po.hosts.verl.launching.train import launch

    def start(**_options):
        raise RayStarts

    quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none", "hydra.output_subdir=null"]
    monkeypatch.setattr(main_ppo, "ray", SimpleNamespace(is_initialized=lambda: False, init=start))
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.chdir(tmp_path)
    main_of_verl = main_ppo.main

    def run(*arguments: str, config: DictConfig | None = None) -> str:
        monkeypatch.setattr(
            main_ppo, "main", main_of_verl if config is None else functools.partial(main_of_verl, config)
        )
        try:
            launch([*arguments, *quiet, f"hydra.run.dir={tmp_path}"])
        except RayStarts:
            return "started"
        except GD2POError as refusal:
            assert config is None or "does not compose" not in str(refusal), refusal  # an error of verl's main
            return str(refusal)
        raise AssertionError("the run ends before Ray starts, without a refusal")

    return run


def places(block: DictConfig) -> list[tuple[DictConfig, str]]:
    """Every block of a configuration with each of its keys."""
    below = [place for child in block.values() if isinstance(child, DictConfig) for place in places(child)]
    return [*((block, key) for key in block), *below]


def change(config: DictConfig, randomly: random.Random) -> None:
    """Replace one value, or remove it."""
    blocks = [config.get(name) for name in (*BLOCKS, "actor_rollout_ref")]
    everywhere = places(randomly.choice([block for block in blocks if isinstance(block, DictConfig)]))
    block, key = randomly.choice([*everywhere, (config, randomly.choice(BLOCKS))])
    if randomly.random() < 0.1:
        del block[key]
    else:
        block[key] = randomly.choice(VALUES)


@pytest.fixture
def change_and_try(train):
    """Plans and trains a run again and again, each time with one or two changes."""

    def run(whole: bytes, name: str) -> None:
        randomly = random.Random(name)
        for number in range(CHANGES):
            config = pickle.loads(whole)
            OmegaConf.set_struct(config, False)
            for _ in range(randomly.choice((1, 1, 2))):
                with contextlib.suppress(KeyError, OmegaConfBaseException):  # a change made the block unreadable
                    change(config, randomly)
            again = pickle.dumps(config)
            try:
                with contextlib.suppress(SettingsError):
                    make_plan(config, gpu_bytes=80 << 30)
                train(config=pickle.loads(again))
            except BaseException as error:
                error.add_note(f"change {number} of {name}")
                raise

    return run


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_recipe_is_planned_and_started_or_refused(verl_config, change_and_try, name):
    change_and_try(pickle.dumps(verl_config(*PUBLIC[name])), name)


@pytest.mark.parametrize(("task", "method"), SHIPPED)
def test_a_shipped_run_is_planned_and_started_or_refused(model_folder, change_and_try, task, method):
    change_and_try(pickle.dumps(compose_run([task, method, str(model_folder())])), f"{task} {method}")


def changed_text(text: str, randomly: random.Random) -> str:
    """A text with a piece inserted, removed or doubled."""
    start = randomly.randrange(len(text) + 1)
    end = min(len(text), start + randomly.choice((0, 1, 3)))
    return text[:start] + randomly.choice([*TEXTS, text[start:end] * 2]) + text[end:]


@pytest.mark.parametrize("command", ["plan", "doctor"])
@pytest.mark.parametrize("name", ["shipped", *PUBLIC])
def test_a_command_line_is_answered_or_refused(model_folder, name, command):
    randomly = random.Random(f"{command} {name}")
    overrides = PUBLIC.get(name, [*GD2PO[1:], "scale=8gpu", "rewards=correctness_length"])
    for number in range(CHANGES // 6):
        words = [*randomly.choice(SHIPPED), str(model_folder()), *overrides]
        for _ in range(randomly.choice((1, 1, 2))):
            place = randomly.randrange(len(words))
            words[place] = changed_text(words[place], randomly)
        shown = CliRunner().invoke(app, [command, *words])
        assert shown.exception is None or isinstance(shown.exception, SystemExit), (number, words, shown.exception)


@pytest.mark.parametrize("command", ["plan", "doctor"])
def test_a_file_is_answered_or_refused(tmp_path, command):
    file, randomly = tmp_path / "run.yaml", random.Random(command)
    for number in range(CHANGES):
        text = changed_text(changed_text(FILE, randomly), randomly)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        shown = CliRunner().invoke(app, [command, str(file)])
        assert shown.exception is None or isinstance(shown.exception, SystemExit), (number, text, shown.exception)


def shipped_arguments(task: str, method: str, model: str) -> list[str]:
    """The arguments of ``gd2po train`` with which scripts/train.sh starts a run."""
    folder = ["--config-dir", str(config_dir(task)), "--config-name", "base"]
    return [*folder, f"method={method}", "run.model=m", f"actor_rollout_ref.model.path={model}", "trainer.device=cpu"]


@pytest.mark.parametrize("name", ["shipped", *PUBLIC])
def test_a_training_starts_or_is_refused(model_folder, train, name):
    randomly = random.Random(f"train {name}")
    overrides = [*PUBLIC.get(name, ["scale=cpu"]), f"actor_rollout_ref.model.path={model_folder()}"]
    for number in range(CHANGES // 6):
        words = overrides
        if name == "shipped":
            words = [*shipped_arguments(*randomly.choice(SHIPPED), str(model_folder()))[4:], *overrides]
        words = list(words)
        for _ in range(randomly.choice((1, 1, 2))):
            place = randomly.randrange(len(words))
            words[place] = changed_text(words[place], randomly)
        folder = shipped_arguments(SHIPPED[0][0], "", "")[:4] if name == "shipped" else []
        try:
            assert train(*folder, *(word for word in words if word[:1] != "-"))
        except BaseException as error:
            error.add_note(f"change {number} of {name}: {words}")
            raise


@pytest.mark.parametrize("value", [5, None, [1], "text"])
@pytest.mark.parametrize("key", REFUSED_BLOCKS)
def test_a_run_with_a_whole_block_replaced_is_refused_in_the_same_words(verl_config, train, key, value):
    config = verl_config(*PUBLIC["settings"])
    OmegaConf.set_struct(config, False)
    OmegaConf.update(config, key, value, merge=False)
    planned = copy.deepcopy(config)
    said = train(config=config)
    assert said.startswith(f"{key} is ") and "expected the block of settings that verl has" in said
    with pytest.raises(SettingsError) as refusal:
        make_plan(planned, gpu_bytes=80 << 30)
    assert str(refusal.value) == said


@pytest.mark.parametrize("key", ["data", "actor_rollout_ref.actor", "trainer"])
def test_an_override_that_replaces_a_whole_block_is_refused(train, model_folder, key):
    arguments = shipped_arguments("tool-calling", "gd2po_hard", str(model_folder()))
    assert train(*arguments, f"{key}=5") == f"{key} is 5 (int); expected the block of settings that verl has"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.nope=3", "the configuration has no key data.nope. To add it as a new key, write '+data.nope=3'"),
        ("data.train_bach_size=3", "Did you mean data.train_batch_size, "),
        ("rollout.temperature=1", "Did you mean actor_rollout_ref.rollout.temperature, "),
        ("scale=nope", "scale=nope does not exist. Known: 1gpu, 8gpu, cpu, multinode."),
        ("scale=4gpu", "scale=4gpu does not exist. Did you mean "),
        ("data.train_files=[a", "the override 'data.train_files=[a' cannot be read: "),
    ],
)
def test_an_override_that_does_not_fit_is_refused_in_one_line(train, model_folder, override, said):
    arguments = shipped_arguments("tool-calling", "gd2po_hard", str(model_folder()))
    refusal = train(*arguments, override)
    assert refusal.startswith("this configuration does not compose: ") and said in refusal and "\n" not in refusal


def test_a_configuration_file_with_an_error_of_yaml_is_refused_in_one_line(train, tmp_path):
    (tmp_path / "mine.yaml").write_text("defaults: [ppo_trainer]\nalgorithm: {adv_estimator: gd2po\n")
    refusal = train("--config-dir", str(tmp_path), "--config-name", "mine")
    assert "mine.yaml" in refusal and "line 3" in refusal and "\n" not in refusal
