"""Answers per second of the transformers backend: batched, against one prompt at a time.

    python -P benchmarks/eval_throughput.py        # two minutes on one core

Both go through the same backend with the same prompts and weights; only the token budget of a batch differs. The models
have random weights and their end token is switched off, so every answer has the same length and both do equal work.
"Equal" prompts have one length and need no padding, "mixed" have 50 to 400 tokens.
"""

import argparse
import platform
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from gd2po.evaluation.generation import Decoding, Request
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


def draw_requests(count: int, fewest: int, most: int) -> list[Request]:
    """Prompts of one-letter words."""
    rng = random.Random(0)
    texts = (" ".join(rng.choices("abcdefgh", k=rng.randint(fewest, most))) for _ in range(count))
    return [Request(str(index), ({"role": "user", "content": text},)) for index, text in enumerate(texts)]


def seconds(folder: Path, requests: list[Request], tokens: int, budget: int) -> float:
    """Wall time of all answers, the model being loaded already."""
    with TransformersBackend(str(folder), batch_tokens=budget) as backend:
        backend._ends = frozenset()  # no token ends an answer
        backend._model.generation_config.eos_token_id = None
        start = time.perf_counter()
        answers = list(backend.generate(requests, Decoding(max_tokens=tokens)))
        taken = time.perf_counter() - start
    assert {(answer.finish, answer.response_tokens) for answer in answers} == {("length", tokens)}
    return taken


def main() -> None:
    """Alternate both, so that a busy machine slows both, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=48, help="of each answer")
    parser.add_argument("--budgets", type=int, nargs="+", default=[4096, 65_536], help="tokens in a batch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="one, so that ratios count work and not waiting cores")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(
        f"{platform.machine()}, {given.threads} threads, torch {torch.__version__}, float32; {given.requests} prompts, "
        f"{given.tokens} tokens each, median of {given.repeats}; answers/s"
    )
    headings = "".join(f"{f'batch {budget}':>14} {'ratio':>6}" for budget in given.budgets)
    print(f"{'model':>6} {'prompts':>8} {'one by one':>11}{headings}")
    for name, shape in SIZES.items():
        with TemporaryDirectory() as scratch:
            build_model(Path(scratch), *shape)
            for kind, words in WORDS.items():
                requests = draw_requests(given.requests, *words)
                runs = [
                    [seconds(Path(scratch), requests, given.tokens, budget) for budget in (1, *given.budgets)]
                    for _ in range(given.repeats)
                ]
                alone, *batched = (statistics.median(column) for column in zip(*runs, strict=True))
                cells = "".join(f"{len(requests) / taken:14.1f} {alone / taken:6.1f}" for taken in batched)
                print(f"{name:>6} {kind:>8} {len(requests) / alone:11.1f}{cells}")


if __name__ == "__main__":
    main()
