"""What a quickstart trains: methods, sizes and where everything goes."""

from dataclasses import dataclass
from pathlib import Path

from gd2po.errors import SettingsError, nearest

METHODS = {"grpo": "GRPO", "gdpo": "GDPO", "gd2po_hard": "GD²PO-Hard", "gd2po_snr": "GD²PO-SNR"}
"""Config group ``method`` → name in tables and plots."""

REWARDS = ("correctness", "format", "length")
TRAIN_ROWS, TEST_ROWS, TEST_ROLLOUTS = 512, 64, 2
DEMONSTRATIONS = 4000
THINK_WORDS = (2, 16)  # of the demonstrations
TARGET_WORDS = 16
"""Words of thinking for full length score; the published 512 would not fit a tiny policy's context."""


@dataclass(frozen=True)
class Plan:
    """One quickstart.

    Attributes:
        methods: config names, in the order of the table.
        steps: policy updates per method.
        seed: of data, warm start, rollouts and data order.
        folder: everything is written below it.

    Raises:
        SettingsError: an unknown method (the nearest is suggested), none, or fewer than one step.
    """

    methods: tuple[str, ...]
    steps: int
    seed: int
    folder: Path

    def __post_init__(self) -> None:
        if not self.methods:
            raise SettingsError(f"no method is given; choose from {', '.join(METHODS)}")
        for method in self.methods:
            if method not in METHODS:
                raise SettingsError(f"unknown method {method!r}.{nearest(method, METHODS)}")
        if self.steps < 1:
            raise SettingsError(f"steps is {self.steps}; expected at least 1")

    @property
    def policy(self) -> Path:
        return self.folder / f"policy-seed{self.seed}"

    def run_folder(self, method: str) -> Path:
        return self.folder / f"{method}-seed{self.seed}"

    def overrides(self, method: str) -> list[str]:
        """Hydra overrides over ``tool-calling/config``: the task made small, nothing else."""
        return [
            f"method={method}",
            "rewards=correctness_length_format",
            f"run.model={self.policy.name}",
            f"run.seed={self.seed}",
            f"actor_rollout_ref.model.path={self.policy}",
            f"data.train_files={self.folder}/data-seed{self.seed}/train.parquet",
            f"data.val_files={self.folder}/data-seed{self.seed}/test.parquet",
            "data.train_batch_size=16",
            "data.max_prompt_length=160",
            "data.max_response_length=96",
            f"+reward.custom_reward_function.reward_kwargs.target_words={TARGET_WORDS}",
            "actor_rollout_ref.actor.ppo_mini_batch_size=8",
            "actor_rollout_ref.actor.optim.lr=5e-4",
            "actor_rollout_ref.rollout.n=8",
            "actor_rollout_ref.rollout.val_kwargs.do_sample=true",
            "actor_rollout_ref.rollout.val_kwargs.temperature=1.0",
            f"actor_rollout_ref.rollout.val_kwargs.n={TEST_ROLLOUTS}",
            f"trainer.total_training_steps={self.steps}",
            f"trainer.test_freq={self.steps}",
            "trainer.save_freq=-1",
            "trainer.resume_mode=disable",
            "trainer.logger=[console,file]",
            f"trainer.default_local_dir={self.run_folder(method)}",
        ]
