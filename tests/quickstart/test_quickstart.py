"""The quickstart's parts, and once all of it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import SettingsError
from gd2po.quickstart import METHODS, Plan
from gd2po.quickstart.run import train
from gd2po.quickstart.summary import plot, table
from gd2po.quickstart.tokenizer import CHAT_TEMPLATE, TAGS, train_tokenizer
from gd2po.runs.process import TrainingError, read_steps

METRICS = {
    "reward/correctness/mean": -1.0,
    "reward/format/mean": 0.5,
    "reward/length/mean": 0.2,
    "conflict/rate": 0.4,
    "conflict/masked": 0.25,
    "response_length/mean": 30.0,
    "timing_s/step": 2.0,
}


def validation(correctness: float) -> dict[str, float]:
    scores = {"correctness": correctness, "format": 0.5, "length": 0.1}
    return {f"val-aux/rlla/{name}/mean@2": value for name, value in scores.items()}


STEPS = [
    {"step": 0, "data": validation(-1.5)},
    {"step": 1, "data": METRICS},
    {"step": 2, "data": METRICS | {"conflict/masked": 0.75} | validation(0.25)},
]


@pytest.mark.parametrize(
    ("methods", "steps", "message"),
    [
        (("gd2po_hrd",), 1, r"unknown method 'gd2po_hrd'. Did you mean 'gd2po_hard'"),
        ((), 1, "no method is given; choose from grpo, gdpo"),
        (("gdpo",), 0, "steps is 0; expected at least 1"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(methods, steps, message):
    with pytest.raises(SettingsError, match=message):
        Plan(methods, steps, 1, Path("x"))


def test_the_table_shows_before_and_after(capsys):
    from rich.console import Console

    Console(width=100).print(table({"gd2po_hard": STEPS}, METHODS))
    row = capsys.readouterr().out
    assert "GD²PO-Hard" in row and "-1.50 → 0.25" in row and "40%" in row and "50%" in row


def test_the_plot_is_written(tmp_path):
    plot({"gdpo": STEPS, "gd2po_hard": STEPS}, METHODS, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


PLUGIN = """
from gd2po.advantages import register_estimator, register_filter
from gd2po.advantages.registry import ESTIMATORS

register_filter("loud")(lambda votes: votes.magnitude > 1)
register_estimator("loudly")(lambda batch: ESTIMATORS.choose("gdpo")(batch))
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    from gd2po.advantages.registry import ESTIMATORS, FILTERS

    for registry in (ESTIMATORS, FILTERS):
        monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    path = tmp_path / "loud.py"
    path.write_text(PLUGIN)
    return str(path)


def test_methods_of_a_plug_in_can_be_trained(plugin):
    from gd2po.settings import Settings

    plan = Plan(("gdpo", "gd2po_loud", "loudly"), 1, 1, Path("x"), (plugin,))
    assert plan.titles == {"gdpo": "GDPO", "gd2po_loud": "GD²PO-loud", "loudly": "loudly"}
    assert "algorithm.gd2po.filter.kind=loud" in plan.overrides("gd2po_loud")
    assert "algorithm.adv_estimator=loudly" in plan.overrides("loudly")
    assert f'+algorithm.gd2po.plugins=["{plugin}"]' in plan.overrides("loudly")
    assert Settings.parse({"estimator": "gd2po", "rewards": {"a": {}}, "plugins": [plugin], "filter": "loud"})


def test_a_misspelt_method_of_a_plug_in_is_refused(plugin):
    shown = CliRunner().invoke(app, ["quickstart", "--plugin", plugin, "--methods", "gd2po_luod"])
    assert shown.exit_code != 0 and "unknown method 'gd2po_luod'. Did you mean 'gd2po_loud'" in shown.output


@pytest.mark.e2e
def test_a_failed_training_shows_the_end_of_its_log(tmp_path, monkeypatch):
    plan = Plan(("gdpo",), 1, 1, tmp_path)
    monkeypatch.setattr(Plan, "overrides", lambda *_: ["algorithm.adv_estimator=???"])
    with pytest.raises(TrainingError, match=r"gdpo ended with exit code 1; the end of .*log\.txt:\n"):
        train(plan, "gdpo", lambda _: None)


def test_the_tokenizer_keeps_what_the_rewards_read():
    text = '<think> wörds </think>\n<tool_call>\n{"name": "f", "parameters": {"a": 1}}\n</tool_call>'
    tokenizer = train_tokenizer([text] * 3, vocabulary=300)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert all(len(tokenizer(tag)["input_ids"]) == 1 for tag in TAGS)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], add_generation_prompt=True, tokenize=False
    )
    assert prompt == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.e2e
@pytest.mark.timeout(1500)
@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_the_command_trains_and_shows_what_happened(tmp_path):
    command = [sys.executable, "-P", "-c", f"import gd2po.quickstart as q; q.DEMONSTRATIONS = 200\n{_RUN}"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    for shown in ("GRPO", "GD²PO-SNR", "bash scripts/train.sh tool-calling gd2po_hard", "pip install 'gd2po[vllm]'"):
        assert shown in found.stdout
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    steps = list(read_steps(tmp_path / "grpo-seed1" / "metrics.jsonl"))
    assert [step["step"] for step in steps] == [0, 1, 2]
    grpo = steps[1]["data"]  # reports conflicts, and masks nothing
    assert 0 <= grpo["conflict/pair/correctness|format"] <= grpo["conflict/rate"] <= 1
    assert grpo["conflict/masked"] == 0 and grpo["conflict/kept"] == 1
    _check_report(tmp_path)


def _check_report(folder):
    page = folder / "report.html"
    told = CliRunner().invoke(app, ["report", str(folder), "--output", str(page)])
    assert told.exit_code == 0, told.output
    for text in ("GD²PO-SNR τ=0.8 · GRPO", "correctness on rlla", "seconds by phase", f"verl {version('verl')}"):
        assert text in page.read_text(), text


_RUN = "import sys; from gd2po.cli import app; " + (
    "app(['quickstart', '--steps', '2', '--methods', 'grpo,gd2po_snr', '--output', sys.argv[1]])"
)
