"""TRL's side of peers.py, run by the Python that has TRL: GDPO on the quickstart's policy, prompts and rewards.

Prints one JSON: seconds of each step, and of the first step the scores and advantages of its rollouts.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trl
from datasets import load_dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from gd2po.rewards.tool_calling import ToolCallingOptions, score

REWARDS = ("correctness", "format", "length")
PROMPTS, GROUP, UPDATES = 16, 8, 2


class Recorder(GRPOTrainer):  # type: ignore[misc]
    """Notes when each step begins and what its advantages are."""

    began: list[float]
    advantages: list[list[float]]

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self.began.append(time.perf_counter())
        batch = super()._generate_and_score_completions(inputs)
        self.advantages.append(batch["advantages"].tolist())
        return batch


def reward(name: str, options: ToolCallingOptions, scores: dict[str, list[float]]) -> Callable[..., list[float]]:
    """One reward as TRL calls it; all it gives is kept in `scores`."""

    def give(completions: list[Any], reward_model: list[dict[str, str]], **_: Any) -> list[float]:
        texts = [completion[0]["content"] for completion in completions]
        pairs = zip(texts, reward_model, strict=True)
        given = [score(text, truth["ground_truth"], options)[name] for text, truth in pairs]
        scores[name] += given
        return given

    give.__name__ = name
    return give


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, required=True, help="Parquet")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--target-words", type=int, required=True)
    given = parser.parse_args()
    scores: dict[str, list[float]] = {name: [] for name in REWARDS}
    with TemporaryDirectory() as scratch:
        trainer = Recorder(
            model=str(given.policy),
            reward_funcs=[
                reward(name, ToolCallingOptions(target_words=given.target_words), scores) for name in REWARDS
            ],
            args=settings(scratch, given.steps),
            train_dataset=load_dataset("parquet", data_files=str(given.prompts), split="train", cache_dir=scratch),
            processing_class=AutoTokenizer.from_pretrained(given.policy, padding_side="left"),
        )
        trainer.began, trainer.advantages = [], []
        trainer.train()
        ends = [*trainer.began[1:], time.perf_counter()]
    seconds = [end - start for start, end in zip(trainer.began, ends, strict=True)]
    first = {name: values[: PROMPTS * GROUP] for name, values in scores.items()}
    print(
        json.dumps({"trl": trl.__version__, "seconds": seconds, "scores": first, "advantages": trainer.advantages[0]})
    )


def settings(scratch: str, steps: int) -> GRPOConfig:
    """The quickstart's: 16 prompts × 8 rollouts a step, two updates, no KL term, all of the distribution."""
    return GRPOConfig(
        scratch,
        per_device_train_batch_size=PROMPTS * GROUP // UPDATES,
        steps_per_generation=UPDATES,
        num_generations=GROUP,
        max_completion_length=96,
        max_steps=steps * UPDATES,
        learning_rate=5e-4,
        lr_scheduler_type="constant",
        multi_objective_aggregation="normalize_then_sum",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        seed=1,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


if __name__ == "__main__":
    main()
