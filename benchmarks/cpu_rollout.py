"""Tokens per second of the CPU rollout engine against padded `generate`, both with a key-value cache.

    python -P benchmarks/cpu_rollout.py            # 64 requests, groups of 8 rollouts per prompt

"equal": every request draws 32 tokens. "mixed": 1 to 64 tokens, so `generate` carries finished rows to the end.
Both draw from the full distribution at temperature 1 and return log-probabilities.
"""

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from gd2po.integration.cpu.engine import DecodeEngine
from gd2po.integration.cpu.request import Request
from gd2po.integration.cpu.sampling import Sampling
from gd2po.integration.cpu.seeding import uniform_numbers

SHAPES = {"tiny": (64, 2, 512), "small": (384, 8, 8_192)}  # hidden size, layers, vocabulary
WORKLOADS = {"equal": (32, 32), "mixed": (1, 64)}  # fewest and most tokens of a request
PROMPTS, GROUP, LONGEST_PROMPT = 8, 8, 96


def build_model(hidden: int, layers: int, vocabulary: int) -> PreTrainedModel:
    """A randomly initialised Qwen2."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return Qwen2ForCausalLM(config).eval()


def draw_requests(vocabulary: int, fewest: int, most: int) -> list[Request]:
    """Groups of equal prompts, each request with its own length."""
    rng = random.Random(0)
    requests = []
    for _ in range(PROMPTS):
        prompt = tuple(rng.randrange(1, vocabulary) for _ in range(rng.randint(16, LONGEST_PROMPT)))
        for member in range(GROUP):
            uniform = uniform_numbers(0, str(prompt), member, rng.randint(fewest, most))
            requests.append(Request(prompt, Sampling(), frozenset(), uniform))
    return requests


def run_engine(model: PreTrainedModel, requests: list[Request]) -> None:
    """The rollout server's engine."""
    engine = DecodeEngine(model, max_rows=256, max_prefill_tokens=8192)
    engine.add(requests)
    never = threading.Event()
    while engine.busy:
        engine.advance(never)


def run_generate(model: PreTrainedModel, requests: list[Request]) -> None:
    """One padded batch until its longest request is complete."""
    width = max(len(request.prompt) for request in requests)
    padded = torch.tensor([(0,) * (width - len(request.prompt)) + request.prompt for request in requests])
    output = model.generate(
        input_ids=padded,
        attention_mask=(padded != 0).long(),
        max_new_tokens=max(len(request.uniform) for request in requests),
        do_sample=True,
        top_k=0,
        eos_token_id=None,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    logits = torch.stack(output.logits, dim=1).float()
    logits.log_softmax(-1).gather(-1, output.sequences[:, width:, None])


def seconds(
    run: Callable[[PreTrainedModel, list[Request]], None], model: PreTrainedModel, span: tuple[int, int]
) -> float:
    """Wall time of one run on fresh requests."""
    requests = draw_requests(model.config.vocab_size, *span)
    start = time.perf_counter()
    run(model, requests)
    return time.perf_counter() - start


def main() -> None:
    """Alternate both, so that a busy machine slows both, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, torch {torch.__version__}, median of {arguments.repeats}")
    print(f"{'model':>6} {'weights':>9} {'lengths':>8} {'engine tok/s':>13} {'generate tok/s':>15} {'ratio':>6}")
    for name, shape in SHAPES.items():
        model = build_model(*shape)
        for workload, span in WORKLOADS.items():
            run_engine(model, draw_requests(shape[2], *span)), run_generate(model, draw_requests(shape[2], *span))
            pairs = [
                (seconds(run_engine, model, span), seconds(run_generate, model, span)) for _ in range(arguments.repeats)
            ]
            engine, generate = (statistics.median(column) for column in zip(*pairs, strict=True))
            tokens = sum(len(request.uniform) for request in draw_requests(shape[2], *span))
            weights = f"{model.num_parameters() / 1e6:.1f} M"
            print(
                f"{name:>6} {weights:>9} {workload:>8} {tokens / engine:>13,.0f} {tokens / generate:>15,.0f} "
                f"{generate / engine:>6.2f}"
            )


if __name__ == "__main__":
    main()
