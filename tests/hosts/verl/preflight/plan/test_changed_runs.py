"""Runs changed at random, in their YAML and on the command line: each is planned or refused, and no error escapes.

``GD2PO_CHANGES=1000`` tries so many changes of every run; a few are tried without it.
"""

import contextlib
import os
import pickle
import random

import pytest
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import SettingsError
from gd2po.hosts.verl.preflight.plan.composing import compose_run
from gd2po.hosts.verl.preflight.plan.making import make_plan

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


def plan_changed(whole: bytes, name: str) -> None:
    randomly = random.Random(name)
    for number in range(CHANGES):
        config = pickle.loads(whole)
        OmegaConf.set_struct(config, False)
        for _ in range(randomly.choice((1, 1, 2))):
            with contextlib.suppress(KeyError, OmegaConfBaseException):  # an earlier change made the block unreadable
                change(config, randomly)
        try:
            with contextlib.suppress(SettingsError):
                make_plan(config, gpu_bytes=80 << 30)
        except Exception as error:
            error.add_note(f"change {number} of {name}")
            raise


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_recipe_is_planned_or_refused(verl_config, name):
    plan_changed(pickle.dumps(verl_config(*PUBLIC[name])), name)


@pytest.mark.parametrize(("task", "method"), SHIPPED)
def test_a_shipped_run_is_planned_or_refused(model_folder, task, method):
    plan_changed(pickle.dumps(compose_run([task, method, str(model_folder())])), f"{task} {method}")


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
