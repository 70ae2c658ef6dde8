"""The quickstart's parts, and once all of it."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import gd2po
from gd2po.cli import app
from gd2po.cpu_precision import Measurement
from gd2po.errors import SettingsError
from gd2po.quickstart import METHODS, Plan
from gd2po.quickstart.models import resolve_model
from gd2po.quickstart.outcome import read_outcome
from gd2po.quickstart.plan import OF_VERL, REWARDS
from gd2po.quickstart.policy import PolicySize, make_policy
from gd2po.quickstart.run import train
from gd2po.quickstart.summary import examples, plot, table
from gd2po.quickstart.tokenizer import CHAT_TEMPLATE, TAGS, train_tokenizer
from gd2po.quickstart.warm_start import WarmStart, build_policy, warm_start
from gd2po.quickstart.worlds.dialogues import demonstrations, generate
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


STEPS = [
    {"step": 0, "data": {}},
    {"step": 1, "data": METRICS},
    {"step": 2, "data": METRICS | {"conflict/masked": 0.75}},
]
CHAT = "system\nTools: f(a)\nuser\n{}\nassistant\n"


@pytest.fixture
def run_folder(tmp_path):
    """Saved answers of two steps: four test prompts with two answers each, two training prompts a step."""

    def write(name, rows):
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    for step, level in ((0, -1.5), (2, 0.25)):
        rows = [
            {"input": CHAT.format(f"question {prompt}"), "output": f"{step}\n{prompt}", "correctness": level + spread}
            | {"format": 0.5, "length": 0.1 * prompt * step}
            for prompt in range(4)
            for spread in (-0.1, 0.1)
        ]
        write(f"validation/{step}.jsonl", rows)
    for step in (1, 2):
        rows = [
            {"input": f"{step} {prompt}"} | {f"reward/{reward}": step + 0.1 * prompt for reward in REWARDS}
            for prompt in range(2)
            for _ in range(3)
        ]
        write(f"rollouts/{step}.jsonl", rows)
    return tmp_path / "run"


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


def test_the_table_shows_before_and_after_with_intervals(run_folder, capsys):
    plan = Plan(("gd2po_hard",), 2, 1, Path("x"))
    outcomes = {"gd2po_hard": read_outcome(run_folder, REWARDS, 2)}
    Console(width=160).print(table({"gd2po_hard": STEPS}, outcomes, plan))
    shown = capsys.readouterr().out
    for text in ("GD²PO-Hard", "greedy, 64 test", "-1.50 → 0.25 (±0.00)", "40%", "50%", "1.05 → 2.05"):
        assert text in shown


def test_the_change_of_a_score_is_that_of_its_prompts(run_folder):
    outcome = read_outcome(run_folder, REWARDS, 2)
    length = outcome.test["length"]
    assert (length.before, length.after) == (0, pytest.approx(0.3))
    assert length.change.low < 0.3 < length.change.high  # 0, 0.2, 0.4 and 0.6
    assert outcome.training["format"].change.value == pytest.approx(1)


def test_examples_are_the_best_the_middle_and_the_worst_of_the_changes(run_folder):
    shown = examples(read_outcome(run_folder, REWARDS, 2)).splitlines()
    assert shown[:3] == ["question 3", "  before  0 ⏎ 3", "  after   2 ⏎ 3"]
    assert shown[3::3] == ["question 2", "question 0"]


def test_a_real_model_has_sizes_and_folders_of_its_own(tmp_path):
    tiny, real = (Plan(("gdpo",), 1, 1, tmp_path, model=model) for model in ("tiny", "/models/smol"))
    assert tiny.policy.name == "policy-seed1" and real.policy.name == "policy-smol-seed1"
    assert "algorithm.rollout_correction.bypass_mode=true" in OF_VERL
    assert real.sizes.prompts == real.sizes.mini_batch  # in bfloat16, log-probabilities of rollouts serve one update


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_configuration(method):
    assert (Path(gd2po.__file__).parent / "configs" / "method" / f"{method}.yaml").is_file()


SPEED = Measurement("here", product=8.0, training=2.4, gflops=900.0)


@pytest.mark.parametrize(
    ("measured", "gib", "expected", "said"),
    [
        (SPEED, 12, "/cache/models/smollm2-135m-instruct", "training the language model smollm2-135m-instruct"),
        (replace(SPEED, gflops=200.0), 12, "tiny", r"needs 340, .* training a tiny policy instead.* about 17 minutes"),
        (replace(SPEED, training=0.5), 12, "tiny", r"0\.5 times as fast as in float32 here"),
        (SPEED, 4, "tiny", r"4\.0 GiB of memory are free, and smollm2-135m-instruct needs 8: training a tiny policy"),
    ],
)
def test_a_slow_or_small_machine_trains_the_tiny_policy_and_says_why(monkeypatch, measured, gib, expected, said):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=gib * 2**30))
    monkeypatch.setenv("GD2PO_CACHE", "/cache")
    monkeypatch.setattr("gd2po.quickstart.models.measurement", lambda: measured)
    monkeypatch.setattr("gd2po.pretrained.get_model", lambda model, folder, tell: "there")
    sentences = []
    assert resolve_model("auto", sentences.append) == expected
    assert re.search(said, " ".join(sentences))


def test_a_folder_or_a_name_on_a_hub_is_a_model_too(tmp_path):
    assert resolve_model(str(tmp_path), print) == str(tmp_path)
    assert resolve_model("somebody/a-model", print) == "somebody/a-model"
    assert resolve_model("tiny", print) == "tiny"


def test_a_tiny_policy_has_its_deviation_and_learns_in_one_thread(tmp_path):
    from transformers import AutoModelForCausalLM

    threads, before = [], torch.get_num_threads()
    records = demonstrations(generate(2, 1, brief=True), 1)
    size = PolicySize(vocabulary=400, hidden=64, layers=1, weight_deviation=0.3)
    build_policy(
        records,
        tmp_path / "policy",
        WarmStart(epochs=1.0, batch=2, learning_rate=1e-9),
        1,
        lambda share: threads.append(torch.get_num_threads()),
        size,
    )
    assert threads == [1] and torch.get_num_threads() == before
    weights = AutoModelForCausalLM.from_pretrained(tmp_path / "policy").model.layers[0].mlp.up_proj.weight
    assert weights.std().item() == pytest.approx(0.3, rel=0.05)


def test_a_pretrained_model_is_warm_started_and_saved_in_bfloat16(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    records = demonstrations(generate(4, 1, brief=True), 1)
    make_policy(records, tmp_path / "start", PolicySize(vocabulary=400, hidden=32, layers=1), 1)
    shares = []
    settings = WarmStart(epochs=2.0, batch=2, learning_rate=1e-3, warmup=1)
    for _ in range(2):  # the second finds the result of the first
        warm_start(str(tmp_path / "start"), records, tmp_path / "policy", settings, 1, shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    assert trained.dtype == torch.bfloat16
    started = AutoModelForCausalLM.from_pretrained(tmp_path / "start")
    assert (trained.lm_head.weight.float() - started.lm_head.weight).abs().max() > 1e-3
    assert AutoTokenizer.from_pretrained(tmp_path / "policy").eos_token == "<|im_end|>"


def test_logits_from_the_first_answer_on_give_the_same_loss(build_model):
    from gd2po.quickstart.warm_start import _answers_alone

    rows = torch.arange(1, 25).view(2, 12)
    labels = rows.clone()
    labels[0, :7], labels[1, :5] = -100, -100
    batch = {"input_ids": rows, "attention_mask": torch.ones_like(rows), "labels": labels}
    model = build_model(0)
    whole, shown = model(**batch), model(**_answers_alone(dict(batch)))
    assert shown.logits.shape[1] == 8 < whole.logits.shape[1]
    torch.testing.assert_close(shown.loss, whole.loss)


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
    command = [sys.executable, "-P", "-c", _RUN]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    for shown in (
        "GRPO, training, steps: 2 of 2",
        "Answers to the three test prompts",
        "greedy, 64 test",
        "sampled, training",
    ):
        assert shown in found.stdout
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


_RUN = (
    "import sys; from dataclasses import replace; import gd2po.quickstart.plan as plan; from gd2po.cli import app; "
    "plan.TINY = replace(plan.TINY, demonstrations=200); "
    "app(['quickstart', '--model', 'tiny', '--steps', '2', '--methods', 'grpo,gd2po_snr', '--output', sys.argv[1]])"
)
