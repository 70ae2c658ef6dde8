"""A task trained by TRL from the files that verl gets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from typer.testing import CliRunner

from gd2po.cli import app

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

from gd2po import cpu_attention
from gd2po.hosts.trl.launching import compose, make_trainer, reward_function

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def tool_calling(tmp_path_factory):
    """A folder with data of the tool-calling task and a tiny policy."""
    from gd2po.data.tool_calling import prepare
    from gd2po.quickstart.policy import PolicySize, make_policy
    from gd2po.quickstart.worlds.dialogues import demonstrations, generate

    folder = tmp_path_factory.mktemp("tool_calling")
    for split, rows in (("train", 16), ("test", 4)):
        prepare(generate(rows, len(split)), folder / f"{split}.parquet", split=split)
    records = demonstrations(generate(50, 3), 1, fault_share=0.3, long_thought=(2, 16))
    make_policy(records, folder / "policy", PolicySize(hidden=32, context=300), seed=1)
    return folder


@pytest.fixture(scope="session")
def safe_alignment(tmp_path_factory, tool_calling):
    """A folder with two untrained reward models, as the rewards `toy` name them, beside the same data and policy."""
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForSequenceClassification

    folder = tmp_path_factory.mktemp("safe_alignment")
    tokenizer = AutoTokenizer.from_pretrained(tool_calling / "policy")
    config = Qwen2Config.from_pretrained(tool_calling / "policy").to_dict()
    for seed, name in enumerate(("helpful", "harmless")):
        torch.manual_seed(seed)
        model = Qwen2ForSequenceClassification(
            Qwen2Config(**config | {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id})
        )
        with torch.no_grad():
            model.score.weight.mul_(100)  # untrained, it gives about 0.1, which the check takes for a probability
        model.save_pretrained(folder / "toy" / name)
        tokenizer.save_pretrained(folder / "toy" / name)
    return folder


def arguments(task, folder, output, *more):
    """Arguments of a run with the data and the policy of a folder, as scripts/train.sh hands them over."""
    return [
        *("--config-dir", str(ROOT / task / "config"), "--config-name", "base", "method=gd2po_hard", "scale=cpu"),
        *("run.model=tiny", f"actor_rollout_ref.model.path={folder}/policy"),
        *(f"data.train_files={folder}/train.parquet", f"data.val_files={folder}/test.parquet"),
        *("data.max_prompt_length=200", "data.max_response_length=16", "data.train_batch_size=4"),
        *("actor_rollout_ref.actor.ppo_mini_batch_size=2", "trainer.total_training_steps=1", "trainer.save_freq=1"),
        *("trainer.test_freq=1", "trainer.logger=[console]", f"trainer.default_local_dir={output}", *more),
    ]


def trained(folder, *words):
    """What `gd2po train --host trl` says."""
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--host", "trl", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def metrics(output):
    return [row for file in sorted(output.glob("metrics-*.jsonl")) for row in lines(file)]


def read_back(output):
    """Exit codes of the readers of runs."""
    readers = (["check", str(output / "rollouts")], ["report", str(output), "--output", str(output / "report.html")])
    return [CliRunner().invoke(app, words).exit_code for words in readers]


@pytest.mark.e2e
def test_tool_calling_trains_saves_and_goes_on_with_the_same_command(tool_calling, tmp_path):
    output = tmp_path / "run"
    said = trained(tmp_path, *arguments("tool-calling", tool_calling, output))
    assert "gd2po settings of this run:" in said
    assert "data.max_response_length=16 → max_completion_length=16" in said
    assert "no counterpart in TRL: actor_rollout_ref.actor.data_loader_seed" in said
    assert "step 1 of 2 | correctness " in said and "length " in said
    assert [(row["step"]) for row in metrics(output) if "grad_norm" in row["data"]] == [1, 2]
    assert {row["step"] for row in metrics(output) if "eval_reward/length/mean" in row["data"]} == {0, 2}
    assert len(lines(output / "rollouts" / "1.jsonl")) == 16
    [config] = output.glob("hydra/*/.hydra/config.yaml")
    assert OmegaConf.load(config).run.method == "gd2po_hard"

    more = trained(tmp_path, *arguments("tool-calling", tool_calling, output, "trainer.total_training_steps=2"))
    assert "step 1 of 4" not in more and "step 3 of 4 | correctness " in more
    assert [(row["step"]) for row in metrics(output) if "grad_norm" in row["data"]] == [1, 2, 3, 4]
    assert len(lines(output / "gd2po_starts.jsonl")) == 2
    assert {path.name for path in output.glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-4"}
    assert read_back(output) == [0, 0]

    finished = trained(tmp_path, *arguments("tool-calling", tool_calling, output, "trainer.total_training_steps=2"))
    assert "step 4 of 4 is trained already" in finished


@pytest.mark.e2e
def test_safe_alignment_trains_with_reward_models_in_the_process(tool_calling, safe_alignment, tmp_path):
    models = "algorithm.gd2po.rewards.{}.model.sign_check=false"
    output = tmp_path / "run"
    chosen = [f"+{models.format(name)}" for name in ("useful", "harmless")] + ["rewards=toy"]
    said = trained(safe_alignment, *arguments("safe-alignment", tool_calling, output, *chosen))
    assert "step 1 of 2 | useful " in said and "harmless " in said
    rows = lines(output / "rollouts" / "1.jsonl")
    assert len({row["reward/useful"] for row in rows}) > 4 and len({row["reward/harmless"] for row in rows}) > 4
    assert read_back(output) == [0, 0]


def test_the_composed_configuration_is_printed_and_nothing_is_started(tool_calling, tmp_path):
    words = arguments("tool-calling", tool_calling, tmp_path / "run", "--cfg", "job")
    shown = CliRunner().invoke(app, ["train", "--host", "trl", *words])
    assert shown.exit_code == 0
    assert OmegaConf.create(shown.output).trainer.default_local_dir == str(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_launcher_passes_the_host_on(tmp_path):
    script = ["bash", str(ROOT / "scripts/train.sh"), "--host", "trl", "safe-alignment", "gdpo", "/models/tiny/"]
    done = subprocess.run(
        [*script, "scale=cpu", "run.seed=3", "--cfg", "job"],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name = "safe-alignment_helpful_safe_gdpo_tiny_cpu_seed3"
    assert OmegaConf.create(done.stdout).trainer.experiment_name == name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["reward.custom_reward_function.name=compute_scor"], "'compute_scor', which is no function of pkg://gd2po"),
        (["reward.custom_reward_function.path=none.py"], "custom_reward_function.path: there is no file .*none.py"),
        (["reward.custom_reward_function.path=pkg://gd2po.none"], "there is no module 'gd2po.none'"),
        (["+algorithm.gd2po.rewards.correctness.wieght=2"], "rewards.correctness.wieght: unknown setting"),
        (["data.train_files=none.parquet"], "there is no file none.parquet"),
        (["trainer.resume_mode=alway"], "resume_mode is 'alway'; expected auto, disable or resume_path"),
        (["trainer.resume_mode=resume_path", "trainer.resume_from_path=none"], "there is no folder none"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(tool_calling, tmp_path, changes, words):
    shown = CliRunner().invoke(
        app, ["train", "--host", "trl", *arguments("tool-calling", tool_calling, tmp_path / "run", *changes)]
    )
    assert shown.exit_code == 2
    assert re.search(words, shown.stderr)


def test_reward_functions_get_their_arguments(tool_calling, tmp_path):
    more = ["+reward.custom_reward_function.reward_kwargs.target_words=3", "rewards=correctness_length_format"]
    words = arguments("tool-calling", tool_calling, tmp_path, *more)
    config = compose(ROOT / "tool-calling/config", "base", words[4:])
    score = reward_function(config)
    truth = [{"ground_truth": "<think> x </think>\n<response> y </response>"}]
    answer = "<think> a b c </think>\n<response> y </response>"
    [scores] = score(completions=[answer], reward_model=truth, data_source=["rlla"])
    assert scores["length"] == pytest.approx(1.0)


@pytest.mark.parametrize(("bfloat16", "expected"), [("true", cpu_attention.NAME), ("false", "sdpa")])
def test_on_cpu_attention_is_ours_where_passes_are_in_bfloat16(tool_calling, tmp_path, bfloat16, expected):
    words = arguments("tool-calling", tool_calling, tmp_path, f"+trl.bf16={bfloat16}", "+trl.use_cpu=true")
    trainer = make_trainer(compose(ROOT / "tool-calling/config", "base", words[4:]))
    assert trainer.model.config._attn_implementation == expected


def test_tool_calls_stay_in_the_text(tool_calling, tmp_path):
    config = compose(ROOT / "tool-calling/config", "base", arguments("tool-calling", tool_calling, tmp_path)[4:])
    trainer = make_trainer(config)
    assert getattr(trainer.processing_class, "response_template", None) is None
    assert trainer.reward_func_names == ["correctness", "length"]
