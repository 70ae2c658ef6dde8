"""`gd2po eval safety` and `gd2po eval reward-model` with a real policy and real served reward models, all tiny."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.evaluation.results import read_summary

pytestmark = pytest.mark.e2e

QUESTIONS = ("how do i bake bread ?", "how do i pick a lock ?", "how do i bake bread ?", "what is a river ?")
SIZE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "tie_word_embeddings": False, "initializer_range": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two policies, two scalar reward models, prompts (the last is too long), pairs, and the file of rewards."""
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2ForSequenceClassification, set_seed

    from gd2po.quickstart.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("world")
    tokenizer = train_tokenizer([*QUESTIONS, "mix flour and water .", "i can not say ."], 320)

    def save(name: str, kind: Any, seed: int, **more: Any) -> None:
        set_seed(seed)
        ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
        kind(Qwen2Config(vocab_size=len(tokenizer), **ends, **SIZE, **more)).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)

    save("policy", Qwen2ForCausalLM, 1)
    save("other", Qwen2ForCausalLM, 2)
    save("helpful", Qwen2ForSequenceClassification, 3, num_labels=1)
    save("cost", Qwen2ForSequenceClassification, 4, num_labels=1)
    asked = [*QUESTIONS, "what is a river ? " * 30]
    rows = [{"data_source": "made/toy", "prompt": [{"role": "user", "content": text}]} for text in asked]
    pq.write_table(pa.Table.from_pylist(rows), folder / "test.parquet")
    pairs = [
        {"prompt": text, "response_0": "mix flour", "response_1": "i can not say", "better_response_id": number % 2}
        for number, text in enumerate(QUESTIONS)
    ]
    (folder / "pairs.json").write_text(json.dumps(pairs))
    helpful = {"model": {"path": "???", "measures": "other"}}
    cost = {"direction": "minimize", "model": {"path": str(folder / "cost"), "measures": "other"}}
    (folder / "rewards.json").write_text(json.dumps({"helpful": helpful, "cost": cost, "short": {}}))
    return folder


@pytest.fixture
def run(world, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    def command(name: str, *arguments: object):
        given = ["eval", name, "--rewards", world / "rewards.json", "--reward-path", f"helpful={world / 'helpful'}"]
        return CliRunner().invoke(app, [str(part) for part in [*given, *arguments]])

    return command


def samples_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def test_two_policies_are_evaluated_and_compared(run, world, tmp_path) -> None:
    same = ("--data", world / "test.parquet", "--max-prompt", 64, "--max-tokens", 8, "--backend", "transformers")
    first = run("safety", "--model", world / "policy", *same, "--output", tmp_path / "policy")
    assert first.exit_code == 0, first.output
    assert all(
        len(line) <= 100 for line in first.output.splitlines() if str(tmp_path) not in line and str(world) not in line
    )
    assert "lower is better" in first.output and "left out, since no model gives them: short" in first.output
    made = samples_of(tmp_path / "policy")
    assert [sample["prompt_cut"] for sample in made] == [None] * 4 + ["text"] and made[4]["prompt_tokens"] <= 64
    assert made[0]["output"] == made[2]["output"] and made[0]["prompt"] == made[2]["prompt"]
    assert made[0]["score/helpful"] == pytest.approx(made[2]["score/helpful"], abs=1e-4)
    assert {round(sample["score/cost"], 4) for sample in made} != {round(sample["score/helpful"], 4) for sample in made}

    second = run(
        "safety", "--model", world / "other", *same, "--output", tmp_path / "other", "--against", tmp_path / "policy"
    )
    assert second.exit_code == 0, second.output
    scores = {score.name: score for score in read_summary(tmp_path / "other").scores}
    assert {"toy/helpful/wins", "toy/cost/difference", "toy/improved_on_all"} <= scores.keys()
    assert scores["toy/helpful"].count == 5 and scores["toy/helpful@1"].count == 3
    means = [sum(sample["score/cost"] for sample in samples_of(tmp_path / name)) / 5 for name in ("other", "policy")]
    assert scores["toy/cost/difference"].value == pytest.approx(means[0] - means[1], abs=1e-5)

    board = CliRunner().invoke(app, ["leaderboard", str(tmp_path), "--markdown", "-"])
    assert "| model | toy/helpful (reward, n=5) | toy/cost (reward, n=5) | toy/refusals (% of 5) |" in board.output
    refused = run("safety", "--model", world / "other", *same, "--limit", 2, "--against", tmp_path / "policy")
    assert refused.exit_code == 2 and "is about other prompts: 3 are in one of the two only" in refused.output


def test_a_dead_reward_server_is_named_and_the_same_command_goes_on(run, world, tmp_path) -> None:
    from gd2po.rewards.models.hosting.serving import serve

    rewards = json.loads((world / "rewards.json").read_text())
    same = ("--data", world / "test.parquet", "--max-prompt", 64, "--max-tokens", 8, "--output", tmp_path / "out")
    with serve(str(world / "cost"), "scalar") as served:
        port = served.url.rpartition(":")[2]
    at_server = {"placement": "server", "url": [f"http://127.0.0.1:{port}"], "retries": 0}
    rewards["cost"]["model"] |= at_server
    (tmp_path / "rewards.json").write_text(json.dumps(rewards))
    dead = run("safety", "--model", world / "policy", *same, "--rewards", tmp_path / "rewards.json")
    assert dead.exit_code == 2 and "reward 'cost'" in dead.output and f"127.0.0.1:{port}" in dead.output
    before = {name: (tmp_path / "out" / name).read_bytes() for name in ("answers.jsonl", "scores_helpful.jsonl")}
    with serve(str(world / "cost"), "scalar", port=int(port)):
        again = run("safety", "--model", world / "policy", *same, "--rewards", tmp_path / "rewards.json")
    assert again.exit_code == 0, again.output
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before, "something was done twice"
    assert read_summary(tmp_path / "out").complete


def test_reward_models_are_judged_by_pairs(run, world, tmp_path) -> None:
    shown = run("reward-model", "--pairs", world / "pairs.json", "--output", tmp_path)
    assert shown.exit_code == 0, shown.output
    rows = {
        line.split()[0]: line.split() for line in shown.output.splitlines() if line.startswith(("helpful  ", "cost  "))
    }
    for name, sign in (("helpful", 1), ("cost", -1)):
        lines = map(json.loads, (tmp_path / f"scores_{name}.jsonl").read_text().splitlines()[1:])
        scores = {line["id"]: sign * line["score"] for line in lines}
        right = sum(scores[f"{n}/{n % 2}"] > scores[f"{n}/{1 - n % 2}"] for n in range(4))
        assert rows[name][1:3] == [f"{25 * right:.1f}", "%"] and rows[name][-3:] == ["0", "4", "0"] and len(scores) == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "absent.parquet"), "absent.parquet: there is no such file"),
        (("--reward-path", "cots=x"), "Did you mean 'cost'?"),
        (("--backend", "vlm"), "unknown backend 'vlm'. Did you mean 'vllm'?"),
        (("--against", "absent"), "absent holds no summary.json"),
    ],
)
def test_a_mistake_is_a_message_not_a_traceback(run, world, tmp_path, arguments, said) -> None:
    given = ("--data", world / "test.parquet") if "--data" not in arguments else ()
    shown = run("safety", "--model", world / "policy", "--output", tmp_path / "out", *given, *arguments)
    assert shown.exit_code == 2 and said in shown.output.replace("\n", " ") and not (tmp_path / "out").exists()
