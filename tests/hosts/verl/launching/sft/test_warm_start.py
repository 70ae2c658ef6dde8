"""A warm start as a user types it: verl's SFT trainer under torchrun, on CPU."""

import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from gd2po.evaluation.generation import Decoding, GenerationRequest
from gd2po.evaluation.generation.transformers_backend import TransformersBackend
from gd2po.quickstart.worlds.dialogues import Record, generate
from gd2po.rewards.tool_calling import GroundTruthError, score
from gd2po.runs.process import read_steps

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

SEED, BATCH, ROWS = 5, 16, 64
SHORT = ("trainer.total_training_steps=1", "trainer.total_epochs=1")


@pytest.fixture(scope="module")
def start(untrained, sft_rows):
    """Run the command; returns what it printed."""

    def run(output: Path, *overrides: str, model: Path = untrained, **environment: str) -> str:
        command = [sys.executable, "-P", "-m", "gd2po.cli", "sft", "tool-calling", str(model)]
        command += ["--output", str(output), f"data.train_files={sft_rows}", f"trainer.seed={SEED}", *overrides]
        completed = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=400
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    return run


@pytest.fixture(scope="module")
def trained(start, tmp_path_factory) -> tuple[Path, str]:
    """The folder of a whole warm start, and what it printed."""
    output = tmp_path_factory.mktemp("models") / "policy"
    return output, start(output, "trainer.total_epochs=20", "optim.lr=5e-3")


def losses(folder: Path) -> list[float]:
    return [step["data"]["train/loss"] for step in read_steps(folder / "warm_start" / "metrics.jsonl")]


def loss_of_answers(model_path: Path, records: list[Record]) -> float:
    """Mean negative log-likelihood of the tokens of the answers, computed with transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(model_path), AutoModelForCausalLM.from_pretrained(model_path)
    total, count = 0.0, 0
    for record in records:
        messages = [
            {"role": "system", "content": record["instruction"]},
            {"role": "user", "content": record["input"]},
        ]
        prompt = tokenizer(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
        answer = tokenizer(record["output"] + "<|im_end|>\n")["input_ids"]
        ids = torch.tensor([prompt["input_ids"] + answer])
        with torch.inference_mode():
            likelihood = model(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])
        total, count = total - float(likelihood[-len(answer) :].sum()), count + len(answer)
    return total / count


def well_formed_share(model_path: Path) -> float:
    """Of greedy answers to 32 new prompts: think, then calls that can be read or an answer, and nothing around them."""
    records = generate(32, 99)
    requests = [
        GenerationRequest(
            str(row),
            ({"role": "system", "content": record["instruction"]}, {"role": "user", "content": record["input"]}),
        )
        for row, record in enumerate(records)
    ]
    with TransformersBackend(str(model_path)) as backend:
        outputs = backend.generate(requests, Decoding(max_tokens=64))
        return sum(is_well_formed(output.text) for output in outputs) / len(records)


def is_well_formed(text: str) -> bool:
    try:
        return score(text, text)["format"] == 1
    except GroundTruthError:
        return False


def test_the_loss_is_on_the_answers_of_the_rows_that_the_seed_draws(trained, untrained, records):
    first = torch.randperm(ROWS, generator=torch.Generator().manual_seed(SEED))[:BATCH]
    assert losses(trained[0])[0] == pytest.approx(loss_of_answers(untrained, [records[row] for row in first]), rel=1e-4)


def test_the_loss_falls_and_the_command_says_so(trained):
    folder, printed = trained
    values = losses(folder)
    assert len(values) == 20 * ROWS // BATCH and values[-1] < 0.3 * values[0]
    assert "64 demonstrations of 64" in printed and "80 updates of 16 in 20 epochs" in printed
    first, last = sum(values[:4]) / 4, sum(values[-4:]) / 4
    assert re.search(r"\[ *\d+ s\] starting verl: 0 of 80\n", printed)
    assert f" s] warm start, loss {values[-1]:.3f}: 80 of 80\n" in printed
    assert f"mean loss {first:.3f} in the first epoch, {last:.3f} in the last" in printed


def test_the_result_is_a_model_that_knows_the_grammar(trained, untrained):
    assert well_formed_share(untrained) == 0
    assert well_formed_share(trained[0]) > 0.5


def test_the_result_is_the_model_it_came_from_but_for_the_weights(trained, untrained):
    configs = [(folder / "config.json").read_text() for folder in (untrained, trained[0])]
    assert configs[0].split() == configs[1].split()
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (untrained, trained[0])]
    assert tokenizers[0].get_vocab() == tokenizers[1].get_vocab()
    assert tokenizers[0].chat_template == tokenizers[1].chat_template
    assert {path.name for path in (trained[0] / "warm_start").iterdir()} == {"config.yaml", "log.txt", "metrics.jsonl"}
    assert [path.name for path in trained[0].parent.iterdir()] == [trained[0].name]


def test_two_nodes_share_the_batch_and_one_of_them_holds_the_model(start, trained, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    together = {"PET_NNODES": "2", "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": port}
    with ThreadPoolExecutor() as pool:
        nodes = [
            pool.submit(start, tmp_path / f"node{rank}", *SHORT, **together, PET_NODE_RANK=str(rank)) for rank in (0, 1)
        ]
        printed = [node.result() for node in nodes]
    assert "ready for" in printed[0] and "done; the model is on the node of rank 0" in printed[1]
    assert [path.name for path in tmp_path.iterdir()] == ["node0"]
    assert losses(tmp_path / "node0") == pytest.approx(losses(trained[0])[:1], rel=1e-4)


def test_a_model_that_is_there_is_not_overwritten(trained, untrained, sft_rows):
    command = [sys.executable, "-P", "-m", "gd2po.cli", "sft", "tool-calling", str(untrained), "--output"]
    completed = subprocess.run([*command, str(trained[0])], capture_output=True, text=True, check=False)
    assert completed.returncode == 2
    assert re.search("is not empty and stays as it is; remove it, or name another --output", completed.stderr)


def test_a_trainer_that_fails_shows_its_log_and_keeps_it(untrained, sft_rows, tmp_path):
    command = [sys.executable, "-P", "-m", "gd2po.cli", "sft", "tool-calling", str(untrained)]
    command += ["--output", str(tmp_path / "out"), f"data.train_files={sft_rows}", "optim.optimizer=NoSuchOptimizer"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 2
    [log] = tmp_path.glob(".out-*/log.txt")
    assert f"the end of {log}" in completed.stderr and "NoSuchOptimizer" in completed.stderr
    assert not (tmp_path / "out").exists()
