"""Answers per second of the transformers backend: batched, against one prompt at a time.

    python benchmarks/eval_throughput.py        # two minutes on one core

Both go through the same backend with the same prompts and weights; only the token budget of a batch differs. The models
have random weights and their end token is switched off, so every answer has the same length and both do equal work.
"Equal" prompts have one length and need no padding, "mixed" have 50 to 400 tokens.
"""

import argparse
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from results import save, show, spread
from transformers import Qwen2Config, Qwen2ForCausalLM

from gd2po.evaluation.generation import Decoding, GenerationRequest
from gd2po.evaluation.generation.transformers_backend import TransformersBackend
from gd2po.quickstart.tokenizer import train_tokenizer

SIZES = {"tiny": (128, 2), "small": (384, 6)}  # hidden size, layers
WORDS = {"equal": (220, 220), "mixed": (50, 400)}  # fewest and most words of a prompt
VOCABULARY = 640


def build_model(folder: Path, hidden: int, layers: int) -> None:
    """Save a Qwen2 with random weights and without an end token, and a tokenizer with a chat template."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["a b c d e f g h"], VOCABULARY)
    tokenizer.save_pretrained(folder)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 64,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)


def draw_requests(count: int, fewest: int, most: int) -> list[GenerationRequest]:
    """Prompts of one-letter words."""
    rng = random.Random(0)
    texts = (" ".join(rng.choices("abcdefgh", k=rng.randint(fewest, most))) for _ in range(count))
    return [GenerationRequest(str(index), ({"role": "user", "content": text},)) for index, text in enumerate(texts)]


def seconds(folder: Path, requests: list[GenerationRequest], tokens: int, budget: int) -> float:
    """Wall time of all answers, the model being loaded already."""
    with TransformersBackend(str(folder), batch_tokens=budget) as backend:
        backend._ends = frozenset()  # no token ends an answer
        backend._model.generation_config.eos_token_id = None
        start = time.perf_counter()
        answers = list(backend.generate(requests, Decoding(max_tokens=tokens)))
        taken = time.perf_counter() - start
    assert {(answer.finish, answer.response_tokens) for answer in answers} == {("length", tokens)}
    return taken


def measure(folder: Path, case: str, requests: list[GenerationRequest], given: argparse.Namespace) -> dict[str, Any]:
    """A row of the table. Budgets alternate, so that a busy machine slows all of them."""
    runs = [
        [seconds(folder, requests, given.tokens, budget) for budget in (1, *given.budgets)]
        for _ in range(given.repeats)
    ]
    alone, *batched = (spread([len(requests) / taken for taken in column]) for column in zip(*runs, strict=True))
    row = {"case": case, "alone_answers_per_s": alone}
    for budget, found in zip(given.budgets, batched, strict=True):
        row |= {f"batch_{budget}_answers_per_s": found, f"batch_{budget}_ratio": found["median"] / alone["median"]}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--requests", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=48, help="of each answer")
    parser.add_argument("--budgets", type=int, nargs="+", default=[4096, 65_536], help="tokens in a batch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="one, so that ratios count work and not waiting cores")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.threads} threads, float32; {given.requests} prompts, {given.tokens} tokens each")
    rows = []
    for name in given.sizes:
        with TemporaryDirectory() as scratch:
            build_model(Path(scratch), *SIZES[name])
            for kind, words in WORDS.items():
                requests = draw_requests(given.requests, *words)
                rows.append(measure(Path(scratch), f"{name}, {kind} prompts", requests, given))
    show("eval_throughput", rows)
    save("eval_throughput", rows, given.json)


if __name__ == "__main__":
    main()
