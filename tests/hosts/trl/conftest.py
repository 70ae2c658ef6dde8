"""A tiny policy and data for trainings in TRL, each of which takes seconds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

PROMPTS = ["one two", "three four", "five six", "seven eight"]


@pytest.fixture(scope="session")
def policy(tmp_path_factory) -> Path:
    """The folder of a policy of 20,000 weights with a tokenizer."""
    from gd2po.quickstart.policy import PolicySize, make_policy

    folder = tmp_path_factory.mktemp("policy")
    size = PolicySize(vocabulary=320, hidden=32, layers=2, context=64)
    make_policy([{"instruction": "", "input": text, "output": ""} for text in PROMPTS], folder, size, seed=0)
    return folder


def letters(completions: Any, **_: Any) -> list[float]:
    """A reward for letters."""
    return [float(sum(character.isalpha() for character in text)) for text in completions]


def brevity(completions: Any, **_: Any) -> list[float]:
    """A reward for short texts, which conflicts with :func:`letters`."""
    return [-float(len(text)) / 2 for text in completions]


SETTINGS: dict[str, Any] = {
    "estimator": "gd2po",
    "filter": {"kind": "snr", "threshold": 0.5},
    "rewards": {"letters": {"weight": 1.0}, "brevity": {"weight": 0.7}},
}


@pytest.fixture
def make_trainer(policy, tmp_path) -> Callable[..., Any]:
    """Make a trainer; what is not said is small."""
    from datasets import Dataset
    from trl import GRPOConfig

    from gd2po.trl import MultiRewardGRPOTrainer

    def make(
        settings: Any = SETTINGS, reward_funcs: Any = (letters, brevity), columns: Any = None, **options: Any
    ) -> Any:
        trainer_options = {
            name: options.pop(name)
            for name in ("peft_config", "eval_dataset", "rollout_func", "model")
            if name in options
        }
        defaults = {
            "output_dir": str(tmp_path / "run"),
            "per_device_train_batch_size": 8,
            "num_generations": 4,
            "max_completion_length": 12,
            "max_steps": 2,
            "logging_steps": 1,
            "log_completions": True,
            "num_completions_to_print": 0,
            "learning_rate": 1e-3,
            "use_cpu": True,
            "bf16": False,
            "report_to": "none",
            "save_strategy": "no",
            "gradient_checkpointing": False,
            "seed": 3,
        }
        return MultiRewardGRPOTrainer(
            trainer_options.pop("model", str(policy)),
            settings,
            reward_funcs=list(reward_funcs) if isinstance(reward_funcs, tuple) else reward_funcs,
            args=GRPOConfig(**defaults | options),
            train_dataset=Dataset.from_dict(columns or {"prompt": PROMPTS * 4}),
            **trainer_options,
        )

    return make
