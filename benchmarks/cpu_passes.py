"""Passes of a training on CPU: how long OpenMP's threads spin before they sleep, and how attention is computed.

    python benchmarks/cpu_passes.py            # five minutes on two cores

Forward and backward passes in bfloat16 through a Llama of SmolLM2-135M's shape with fewer layers, 9 rows of 60 to 82
tokens, in processes of their own, since OpenMP reads its environment when torch is imported. "alone" is one such
process with as many threads as there are cores; "among three" is one of three at once. Threads that wait "sleep"
(`OMP_WAIT_POLICY=PASSIVE`), "spin" as GNU's do by default, or spin so many turns before they sleep (`GOMP_SPINCOUNT`).
All compute attention as gd2po does on CPU, but for the last row.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from results import save, show, spread

from gd2po.cpu_threads import waiting_variables

ROWS, LONGEST, SHORTEST = 9, 82, 60
STOCK = "--stock-attention"


@dataclass(frozen=True)
class Way:
    """How a process computes: the environment of OpenMP, and further arguments."""

    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()


def ways() -> dict[str, Way]:
    """Case → how it computes."""
    ours = waiting_variables()
    return {
        "sleep": Way({"OMP_WAIT_POLICY": "PASSIVE"}),
        "spin": Way({}),
        **{f"{turns} turns": Way({"GOMP_SPINCOUNT": str(turns)}) for turns in (1000, 10_000)},
        "as gd2po": Way(ours),
        "as gd2po, torch's fused attention": Way(ours, (STOCK,)),
    }


def passes(count: int, layers: int, stock_attention: bool) -> float:
    """Seconds of a forward and backward pass, the mean of so many after one that is not counted."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from gd2po.cpu_attention import use_cpu_attention

    heads = {"num_attention_heads": 9, "num_key_value_heads": 3}
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": layers, "vocab_size": 1024}
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape, **heads)).bfloat16()
    if not stock_attention:
        use_cpu_attention(model)
    ids = torch.randint(0, 1024, (ROWS, LONGEST))
    mask = (torch.arange(LONGEST) < torch.linspace(SHORTEST, LONGEST, ROWS).long().unsqueeze(1)).long()
    start = 0.0
    for number in range(count + 1):
        if number == 1:
            start = time.perf_counter()
        model(input_ids=ids, attention_mask=mask, labels=ids).loss.backward()
    return (time.perf_counter() - start) / count


def together(processes: int, way: Way, given: argparse.Namespace) -> float:
    """Seconds of a pass, the mean of so many processes at once."""
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    environment = {**kept, "OMP_NUM_THREADS": str(os.cpu_count()), **way.environment}
    command = [sys.executable, __file__, "--work", f"--passes={given.passes}", f"--layers={given.layers}"]
    command += way.arguments
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    told = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a pass failed; what it said is above")
    return sum(map(float, told)) / processes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(STOCK, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(passes(given.passes, given.layers, given.stock_attention))
        return
    compared, cases = ways(), {"alone": 1, "among three": 3}
    times: dict[tuple[str, str], list[float]] = {(name, case): [] for name in compared for case in cases}
    for _ in range(given.repeats):
        for name, case in times:  # ways take turns, so that a slow hour slows all of them
            times[name, case].append(together(cases[case], compared[name], given))
    rows = [{"case": name, **{f"{case} pass_s": spread(times[name, case]) for case in cases}} for name in compared]
    show("cpu_passes", rows)
    save("cpu_passes", rows, given.json)


if __name__ == "__main__":
    main()
