"""A training by two processes, with and without skipped rows; the first process writes down what came out."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig

from gd2po.trl import MultiRewardGRPOTrainer

REWARDS: dict[str, dict[str, float]] = {"letters": {}, "brevity": {}}


def letters(completions: Any, **_: Any) -> list[float]:
    return [float(sum(character.isalpha() for character in text)) for text in completions]


def brevity(completions: Any, **_: Any) -> list[float]:
    return [-float(len(text)) / 2 for text in completions]


class Recording(MultiRewardGRPOTrainer):
    """Keeps the advantages of this process."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        vars(self).setdefault("local", []).append(output["advantages"])
        return output


def main(policy: str, folder: str) -> None:
    weights, advantages, left_out = [], [], []
    for skip_masked in (True, False):
        trainer = Recording(
            policy,
            {"estimator": "gd2po", "rewards": REWARDS, "skip_masked": skip_masked},
            [letters, brevity],
            GRPOConfig(
                output_dir=f"{folder}/{skip_masked}",
                per_device_train_batch_size=8,
                gradient_accumulation_steps=2,
                num_generations=4,
                max_completion_length=12,
                max_steps=2,
                logging_steps=1,
                log_completions=True,
                num_completions_to_print=0,
                optim="sgd",
                learning_rate=0.1,
                loss_type="bnpo",
                use_cpu=True,
                bf16=False,
                report_to="none",
                save_strategy="no",
                seed=3,
            ),
            Dataset.from_dict({"prompt": ["one two", "three four", "five six", "seven eight"] * 8}),
        )
        trainer.train()
        model = trainer.accelerator.unwrap_model(trainer.model)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
        advantages.append([trainer.accelerator.gather(rows).tolist() for rows in trainer.local])
        shares = [entry.get("update/rows_left_out", 0.0) for entry in trainer.state.log_history]
        left_out.append(max(shares))
    if trainer.accelerator.is_main_process:
        result = {
            "difference": float((weights[0] - weights[1]).abs().max()),
            "advantages": advantages[0],
            "left_out": left_out,
        }
        Path(folder, "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
