"""Tokens of answers per second of the transformers backend on CPU: padded batches and continuous ones, against one row.

    python benchmarks/eval_throughput.py        # two minutes on one core

All go through the same backend with the same prompts and weights. "Padded" is the way on a GPU: `generate`, in which a
row that has ended waits for the longest of its batch. "Continuous" is the way on CPU: the next prompt takes its place.
"Equal" prompts have one length, "mixed" have 50 to 400 tokens; their answers all have one length. In "mixed answers"
each token ends the answer with a chance of 1 in 40, up to 8 times the usual length.
"""

import argparse
import random
import time
from dataclasses import dataclass
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
WORDS = {
    "equal prompts": (220, 220),
    "mixed prompts": (50, 400),
    "mixed prompts, mixed answers": (50, 400),
}
"""Case → fewest and most words of a prompt."""
VOCABULARY = 640


@dataclass(frozen=True)
class Way:
    """How answers are made: the most tokens under way, and whether rows come and go."""

    budget: int
    continuous: bool


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
    return [
        GenerationRequest(str(index), ({"role": "user", "content": text},), seed=index)
        for index, text in enumerate(texts)
    ]


def speed(folder: Path, requests: list[GenerationRequest], decoding: Decoding, way: Way) -> float:
    """Tokens of answers per second, the model being loaded already."""
    with TransformersBackend(str(folder), batch_tokens=way.budget) as backend:
        ends = frozenset(range(VOCABULARY // 40)) if decoding.temperature else frozenset()
        backend._ends, backend._continuous = ends, way.continuous
        backend._model.generation_config.eos_token_id = sorted(ends) or None
        start = time.perf_counter()
        answers = list(backend.generate(requests, decoding))
        taken = time.perf_counter() - start
    assert {answer.finish for answer in answers} <= {"stop", "length"} and len(answers) == len(requests)
    return sum(answer.response_tokens or 0 for answer in answers) / taken


def measure(folder: Path, case: str, requests: list[GenerationRequest], given: argparse.Namespace) -> dict[str, Any]:
    """A row of the table. Ways alternate, so that a busy machine slows all of them."""
    decoding = Decoding(max_tokens=given.tokens)
    if "mixed answers" in case:
        decoding = Decoding(max_tokens=8 * given.tokens, temperature=1.0)
    ways = [Way(1, True), *(Way(budget, continuous) for budget in given.budgets for continuous in (False, True))]
    runs = [[speed(folder, requests, decoding, way) for way in ways] for _ in range(given.repeats)]
    alone, *batched = (spread(list(column)) for column in zip(*runs, strict=True))
    row = {"case": case, "one_row_tokens_per_s": alone}
    for way, found in zip(ways[1:], batched, strict=True):
        name = f"{'continuous' if way.continuous else 'padded'}_{way.budget}"
        row |= {f"{name}_tokens_per_s": found, f"{name}_ratio": found["median"] / alone["median"]}
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
                rows.append(measure(Path(scratch), f"{name}, {kind}", requests, given))
    show("eval_throughput", rows)
    save("eval_throughput", rows, given.json)


if __name__ == "__main__":
    main()
