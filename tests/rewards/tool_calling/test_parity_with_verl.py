"""Correctness and format against the scorer inside the installed verl, on random mutations of real replies.

That scorer has neither the length reward nor the variants. It is loaded from its file, to spare the import of verl.
"""

import contextlib
import importlib.util
import io
import random
from pathlib import Path
from types import ModuleType

import pytest

from gd2po.rewards.tool_calling import score

GOOD = [
    '{"name": "f", "parameters": {"a": 1}}', '{"name": "f", "parameters": {"a": 2, "b": "x"}}',
    '{"name": "g", "parameters": {}}', '{"name": "g", "parameters": {"a": 1}}',
    '{"name": "f", "parameters": {"a": NaN}}',
]  # fmt: skip
ODD = [
    '{"name": "g"}', '{"name": ["g"], "parameters": {}}', "[1]", "5", '{"name": null, "parameters": 3}', "null",
    '{"name": "f", "parameters": [1]}', '{"parameters": {}}', '{"name": 1.0, "parameters": {"a": 1}}',
    '{"name": "f", "parameters": {"a": true, "b": "x"}, "id": 3}', '{"name": "h", "parameters": 1}',
]  # fmt: skip
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "\n", "\n", " ", "a b"]


@pytest.fixture(scope="module")
def scorer() -> ModuleType:
    host = importlib.util.find_spec("verl")
    folders = list(host.submodule_search_locations or []) if host else []
    paths = [path for folder in folders if (path := Path(folder) / "utils" / "reward_score" / "rlla.py").is_file()]
    if not paths:
        pytest.skip("verl is not installed, or without its rlla scorer")
    spec = importlib.util.spec_from_file_location("verl_rlla", paths[0])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def block(rng: random.Random, lines: list[str]) -> str:
    return "\n<tool_call>\n" + "\n".join(rng.choices(lines, k=rng.randint(1, 4))) + "\n</tool_call>"


def reference(rng: random.Random) -> str:
    kind = rng.choice(["tools", "answer", "both"])
    text = "<think> t </think>" + (block(rng, GOOD) if kind != "answer" else "")
    return text + ("\n<response> ok </response>" if kind != "tools" else "")


def reply(rng: random.Random) -> str:
    text = rng.choice([
        reference(rng),
        "<think> x </think>" + block(rng, GOOD),
        "<think> x </think>" + block(rng, GOOD + ODD),
        "".join(rng.choices(TAGS + GOOD + ODD, k=rng.randint(0, 20))),
    ])  # fmt: skip
    if rng.random() < 0.4:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(TAGS + ODD) + text[at + rng.choice([0, 0, 1, 9]) :]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_same_scores(scorer: ModuleType, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1500):
        truth, response = reference(rng), reply(rng)
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = scorer.compute_score("rlla", response, truth, {"experiment_name": "qwen"})
        ours = score(response, truth)
        assert ours["correctness"] == pytest.approx(theirs["accuracy_reward"], abs=1e-9), (response, truth)
        assert ours["format"] == theirs["format_reward"], (response, truth)
