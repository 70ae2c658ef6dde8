"""``gd2po eval api-bank --backend vllm``, on the real engine and real items."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ITEMS, TOKENS, CONTEXT = 6, 32, 8192


@pytest.fixture(scope="module")
def reader(plan: Any) -> Path:
    """The policy, which may read far: its positions have no weights."""
    folder = plan.folder / "reader"
    shutil.copytree(plan.policy, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": CONTEXT}))
    return folder


@pytest.fixture(scope="module")
def evaluate(start: Callable[..., Any], public_file: Callable[[str], Path], reader: Path) -> Callable[..., Any]:
    """Answers the first items with a backend; gives the samples and the summary."""
    options = {"model": reader, "data": public_file("level-1-api_processed.json").parent, "levels": 1}
    options |= {"limit": ITEMS, "max-tokens": TOKENS, "context": CONTEXT}

    def evaluate(backend: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        folder = reader.parent / f"eval-{backend}"
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        run = start(folder, "gd2po.cli", "eval", "api-bank", "--backend", backend, "--output", "result", *words)
        assert run.await_end(600) == 0, run.log[-4000:]
        lines = (folder / "result" / "samples.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines], json.loads((folder / "result" / "summary.json").read_text())

    return evaluate


def test_vllm_answers_as_transformers_does(evaluate):
    """The engine computes in bfloat16, transformers in float32: a near tie may fall the other way."""
    samples, summary = evaluate("vllm")
    expected, _ = evaluate("transformers")
    assert (len(samples), summary["backend"]["name"]) == (ITEMS, "vllm")
    assert summary["backend"]["versions"]["vllm"].startswith("0.27.1")
    for name in ("id", "prompt_tokens", "error"):
        assert [sample[name] for sample in samples] == [sample[name] for sample in expected]
    equal = [one["output"] == other["output"] for one, other in zip(samples, expected, strict=True)]
    assert sum(equal) >= ITEMS / 2
