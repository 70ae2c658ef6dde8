"""Tool-call answers scored per second on one core, beside the scorer that verl ships for the same task.

    python benchmarks/rewards.py
    python benchmarks/rewards.py --words 20 2000 --repeats 9

Answers are right, wrong (values and a call), malformed (a call over several lines) with thoughts of several lengths; or
hostile: as long as the longest thoughts and made of what is hard to read. Ours gives correctness, format and length;
verl's (`verl/utils/reward_score/rlla.py`) the first two. Both score the same pairs; what verl's prints is thrown away.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any

from results import save, show, spread, timed_in_turn

from gd2po.quickstart.worlds.dialogues import generate
from gd2po.rewards.tool_calling import compute_score

PAIRS = 400
SECONDS_A_REPEAT = 0.2
SENTENCE = "the user asks for a tool so i look at its values and then decide which of them it needs"

Pair = tuple[str, str]
Scorer = Callable[[Sequence[Pair]], object]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, nargs="+", default=[20, 200, 700], help="of thinking")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    rows = [measure(case, pairs, chosen.repeats) for case, pairs in cases(chosen.words).items()]
    show("rewards", rows)
    save("rewards", rows, chosen.json)


def cases(words: Sequence[int]) -> dict[str, list[Pair]]:
    """Name → (answer, reference) pairs."""
    records = [record for record in generate(2 * PAIRS, 0) if "<tool_call>" in record["output"]][:PAIRS]
    references = [record["output"] for record in records]
    made = {
        f"{kind}, {count} words": [
            (answer(reference, count, seed), reference) for seed, reference in enumerate(references)
        ]
        for kind, answer in {"right": right, "wrong": wrong, "malformed": malformed}.items()
        for count in words
    }
    characters = len(thought(max(words), random.Random(0)))
    return made | {f"hostile, {name}": [(text, references[0])] for name, text in hostile(characters).items()}


def thought(words: int, rng: random.Random) -> str:
    vocabulary = SENTENCE.split()
    start = rng.randrange(len(vocabulary))
    return f"<think> {' '.join(islice(cycle(vocabulary), start, start + words))} </think>\n"


def block(reference: str) -> list[str]:
    """The lines of its calls."""
    return reference.split("<tool_call>\n")[1].split("\n</tool_call>")[0].split("\n")


def written(thoughts: str, lines: Sequence[str]) -> str:
    return thoughts + "\n".join(["<tool_call>", *lines, "</tool_call>"])


def right(reference: str, words: int, seed: int) -> str:
    return written(thought(words, random.Random(seed)), block(reference))


def wrong(reference: str, words: int, seed: int) -> str:
    """The first call has another value, and there is a call too many."""
    calls = [json.loads(line) for line in block(reference)]
    calls[0]["parameters"] = {name: f"not {value}" for name, value in calls[0]["parameters"].items()}
    extra = {"name": "other_tool", "parameters": {"city": "Oslo", "days": 3}}
    return written(thought(words, random.Random(seed)), [json.dumps(call) for call in [*calls, extra]])


def malformed(reference: str, words: int, seed: int) -> str:
    lines = [json.dumps(json.loads(line), indent=2) for line in block(reference)]
    return written(thought(words, random.Random(seed)), lines)


def hostile(characters: int) -> dict[str, str]:
    """What costs a naive reader most, in about that many characters."""
    opened = "<think> t </think>\n<tool_call>\n"
    call = '{"name": "get_weather", "parameters": {"city": "Oslo"}}\n'
    return {
        "tags": opened * (characters // len(opened)),
        "opening tags": "<think>" * (characters // len("<think>")),
        "nesting": f"{opened}{'[' * characters}\n</tool_call>",
        "many calls": f"{opened}{call * (characters // len(call))}</tool_call>",
    }


def measure(case: str, pairs: Sequence[Pair], repeats: int) -> dict[str, Any]:
    """Scorings a second of ours and of verl's, and how many times as many ours makes."""
    scorers: list[Scorer] = [ours, theirs(verl_scorer())]
    works, counts = zip(*(as_long(scorer, pairs) for scorer in scorers), strict=True)
    times = timed_in_turn(works, repeats)
    mine, others = ([count / seconds for seconds in taken] for count, taken in zip(counts, times, strict=True))
    ratios = [rate / verl_rate for rate, verl_rate in zip(mine, others, strict=True)]
    characters = sum(len(answer) for answer, _ in pairs) / len(pairs)
    return {
        "case": case,
        "characters": round(characters),
        "scorings_per_s": spread(mine),
        "verl_scorings_per_s": spread(others),
        "ratio": spread(ratios),
    }


def as_long(scorer: Scorer, pairs: Sequence[Pair]) -> tuple[Callable[[], object], int]:
    """A call of the scorer on as many pairs as take it a repeat's time, and their number."""
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS_A_REPEAT:
        scorer([pairs[done % len(pairs)]])
        done += 1
    batch = list(islice(cycle(pairs), done))
    return lambda: scorer(batch), done


def ours(pairs: Sequence[Pair]) -> None:
    for answer, reference in pairs:
        compute_score("rlla", answer, reference, {"split": "train", "index": 0})


def theirs(scorer: ModuleType) -> Scorer:
    def score(pairs: Sequence[Pair]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            for answer, reference in pairs:
                scorer.compute_score("rlla", answer, reference, {"experiment_name": "qwen"})

    return score


def verl_scorer() -> ModuleType:
    """Loaded from its file, which spares the import of verl."""
    folder = importlib.util.find_spec("verl").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("rlla", f"{folder}/utils/reward_score/rlla.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
