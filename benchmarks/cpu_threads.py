"""How long OpenMP's threads spin before they sleep: passes of a training on quiet cores, and beside two others.

    python benchmarks/cpu_threads.py            # four minutes on two cores

Forward and backward passes in bfloat16 through a Llama of SmolLM2-135M's shape with fewer layers, 9 rows of 82 tokens,
in processes of their own, since OpenMP reads its environment when torch is imported. "alone" is one such process with
as many threads as there are cores; "among three" is one of three at once. Threads that wait "sleep"
(`OMP_WAIT_POLICY=PASSIVE`), "spin" as GNU's do by default, or spin so many turns before they sleep (`GOMP_SPINCOUNT`).
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from results import save, show, spread

from gd2po.cpu_threads import waiting_variables

ROWS, TOKENS = 9, 82
WAYS: Mapping[str, Mapping[str, str]] = {
    "sleep": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin": {},
    "1000": {"GOMP_SPINCOUNT": "1000"},
    "10000": {"GOMP_SPINCOUNT": "10000"},
}


def passes(count: int, layers: int) -> float:
    """Seconds of a forward and backward pass, the mean of so many after one that is not counted."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = {"num_attention_heads": 9, "num_key_value_heads": 3}
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": layers, "vocab_size": 1024}
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape, **heads)).bfloat16()
    ids = torch.randint(0, 1024, (ROWS, TOKENS))
    start = 0.0
    for number in range(count + 1):
        if number == 1:
            start = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
    return (time.perf_counter() - start) / count


def together(processes: int, way: Mapping[str, str], given: argparse.Namespace) -> float:
    """Seconds of a pass, the mean of so many processes at once."""
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, __file__, "--work", f"--passes={given.passes}", f"--layers={given.layers}"]
    environment = kept | {"OMP_NUM_THREADS": str(os.cpu_count())} | way
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
    given = parser.parse_args()
    if given.work:
        print(passes(given.passes, given.layers))
        return
    ours = waiting_variables()
    ways = {**WAYS, f"gd2po: {' '.join(ours.values())}": ours}
    cases = {"alone": 1, "among three": 3}
    times: dict[tuple[str, str], list[float]] = {(way, case): [] for way in ways for case in cases}
    for _ in range(given.repeats):
        for way, case in times:  # ways take turns, so that a slow hour slows all of them
            times[way, case].append(together(cases[case], ways[way], given))
    rows = [{"case": way, **{f"{case}_pass_s": spread(times[way, case]) for case in cases}} for way in ways]
    show("cpu_threads", rows)
    save("cpu_threads", rows, given.json)


if __name__ == "__main__":
    main()
