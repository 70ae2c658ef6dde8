"""What a quickstart trains: methods, sizes and where everything goes."""

import json
from dataclasses import dataclass
from pathlib import Path

from gd2po.errors import SettingsError, unknown_name
from gd2po.method_names import estimator_title
from gd2po.plugins import is_file, load_plugins

METHODS = {
    "grpo": "GRPO",
    "gdpo": "GDPO",
    "gdpo_floored": "GDPO, floored",
    "gdpo_shrunk": "GDPO, shrunk",
    "gd2po_hard": "GD²PO-Hard",
    "gd2po_snr": "GD²PO-SNR",
    "gd2po_guard": "GD²PO-guard",
}
"""Config group ``method`` → name in tables and plots."""

REWARDS = ("correctness", "format", "length")
TEST_ROLLOUTS = 2
"""The sampled answers to a test prompt, where the trainer cannot answer greedily."""

TINY_MODEL = "tiny"
"""The name of the policy that is made from scratch."""


@dataclass(frozen=True)
class Sizes:
    """How much a quickstart computes.

    Attributes:
        train_rows: The number of training prompts.
        test_rows: The number of test prompts.
        demonstrations: The number of demonstrations of the warm start.
        steps: The number of training steps, unless the user says otherwise.
        prompts: The number of prompts in a step; each has 8 rollouts.
        mini_batch: The number of prompts in an update.
        learning_rate: The learning rate of the reinforcement learning.
        most_values: The most values that a parameter of a tool takes; None for all.
        fault_share: The share of the demonstrations that have a fault, for each of the three rewards.
        short_thought: The words of a demonstration's short thought.
        long_thought: The fewest and the most words of its other thoughts.
        target_words: The words of thinking for full length score; the published 512 would take minutes a step.
        prompt_tokens: The most tokens of a prompt.
        response_tokens: The most tokens of an answer.
        overrides: Further Hydra overrides.
    """

    train_rows: int
    test_rows: int
    demonstrations: int
    steps: int
    prompts: int
    mini_batch: int
    learning_rate: str
    most_values: int | None = None
    fault_share: float = 0.6
    short_thought: int = 3
    long_thought: tuple[int, int] = (4, 8)
    target_words: int = 8
    prompt_tokens: int = 96
    response_tokens: int = 80
    overrides: tuple[str, ...] = ()


TINY = Sizes(
    train_rows=512,
    test_rows=64,
    demonstrations=4000,
    steps=12,
    prompts=16,
    mini_batch=8,
    learning_rate="6e-4",
    most_values=6,
    # Micro-batches of several rows of about one length.
    overrides=("actor_rollout_ref.actor.ppo_max_token_len_per_gpu=2048",),
)
"""Sizes for a policy of half a million weights on any two cores."""

LANGUAGE_MODEL = Sizes(
    train_rows=128,
    test_rows=48,
    demonstrations=256,
    steps=5,
    prompts=8,
    mini_batch=8,
    learning_rate="5e-5",
    overrides=(
        # Logits of 49,152 tokens of a vocabulary: as many rows at a time as a laptop's memory holds.
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=768",
    ),
)
"""Sizes for a real language model on two cores; docs/performance.md has what was tried."""

OF_VERL = (
    "algorithm.rollout_correction.bypass_mode=true",
    "actor_rollout_ref.rollout.val_kwargs.do_sample=false",
    "actor_rollout_ref.rollout.val_kwargs.temperature=0",
    "actor_rollout_ref.rollout.val_kwargs.n=1",
)
"""Hydra overrides for verl alone, which TRL does not have.

The old log-probabilities are those with which the rollouts were drawn, and no pass computes them again: on CPU they are
those of the trainer up to rounding. Test prompts are answered greedily.
"""


@dataclass(frozen=True)
class Plan:
    """One quickstart.

    Attributes:
        methods: The names of the methods, in the order of the table.
        steps: The number of policy updates per method.
        seed: The seed of data, warm start, rollouts and data order.
        folder: The folder below which everything is written.
        plugins: The modules or ``.py`` files that register further methods.
        model: The language model to start from: a folder or the name of a model on a hub; :data:`TINY_MODEL` for a
            tiny policy from scratch.

    Raises:
        SettingsError: an unknown method (the nearest is suggested), none, or fewer than one step.
    """

    methods: tuple[str, ...]
    steps: int
    seed: int
    folder: Path
    plugins: tuple[str, ...] = ()
    model: str = TINY_MODEL

    def __post_init__(self) -> None:
        known = method_titles(self.plugins)
        if not self.methods:
            raise SettingsError(f"no method is given; choose from {', '.join(known)}")
        for method in self.methods:
            if method not in known:
                raise unknown_name("method", method, known)
        if self.steps < 1:
            raise SettingsError(f"steps is {self.steps}; expected at least 1")

    @property
    def titles(self) -> dict[str, str]:
        """Method → name in tables and plots, of the methods that are trained."""
        known = method_titles(self.plugins)
        return {method: known[method] for method in self.methods}

    @property
    def is_tiny(self) -> bool:
        return self.model == TINY_MODEL

    @property
    def sizes(self) -> Sizes:
        return TINY if self.is_tiny else LANGUAGE_MODEL

    @property
    def policy(self) -> Path:
        """The folder of the policy after its warm start; a second quickstart begins with it."""
        return self.folder / f"policy{self._suffix}-seed{self.seed}"

    @property
    def data(self) -> Path:
        return self.folder / f"data{self._suffix}-seed{self.seed}"

    @property
    def _suffix(self) -> str:
        """Tells what belongs to different models apart; nothing for the tiny policy."""
        return "" if self.is_tiny else f"-{Path(self.model).name}"

    def run_folder(self, method: str) -> Path:
        return self.folder / f"{method}-seed{self.seed}"

    def overrides(self, method: str) -> list[str]:
        """Hydra overrides over ``tool-calling/config``: the task made small, nothing else."""
        sizes = self.sizes
        return [
            *self._method_overrides(method),
            "rewards=correctness_length_format",
            f"run.model={self.policy.name}",
            f"run.seed={self.seed}",
            f"actor_rollout_ref.model.path={self.policy}",
            f"data.train_files={self.data}/train.parquet",
            f"data.val_files={self.data}/test.parquet",
            f"data.train_batch_size={sizes.prompts}",
            f"data.max_prompt_length={sizes.prompt_tokens}",
            f"data.max_response_length={sizes.response_tokens}",
            f"+reward.custom_reward_function.reward_kwargs.target_words={sizes.target_words}",
            f"actor_rollout_ref.actor.ppo_mini_batch_size={sizes.mini_batch}",
            f"actor_rollout_ref.actor.optim.lr={sizes.learning_rate}",
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
            *sizes.overrides,
        ]

    def _method_overrides(self, method: str) -> list[str]:
        """The config of the group ``method``; for a method of a plug-in that of its kin, with the name replaced."""
        if method in METHODS:
            return [f"method={method}"]
        modules = [str(Path(name).expanduser().absolute()) if is_file(name) else name for name in self.plugins]
        plugins = [f"run.method={method}", f"+algorithm.gd2po.plugins={json.dumps(modules)}"]
        if method.startswith(_FILTERED):
            return ["method=gd2po_hard", f"algorithm.gd2po.filter.kind={method.removeprefix(_FILTERED)}", *plugins]
        return ["method=gdpo", f"algorithm.adv_estimator={method}", *plugins]


_FILTERED = "gd2po_"
"""Begins the name of GD²PO with a conflict filter."""


def method_titles(plugins: tuple[str, ...] = ()) -> dict[str, str]:
    """Every method that can be trained → its name in tables and plots: the papers', then those of plug-ins.

    A conflict filter ``share`` is the method ``gd2po_share``, an estimator has its own name; both with the defaults of
    their options.

    Args:
        plugins: modules or ``.py`` files that register further methods.
    """
    if not plugins:
        return dict(METHODS)
    from gd2po.advantages import estimator_names, filter_names

    load_plugins(plugins, "--plugin")
    filters = {f"{_FILTERED}{kind}": f"{estimator_title('gd2po')}-{kind}" for kind in filter_names() if kind != "none"}
    estimators = {estimator: estimator for estimator in estimator_names() if estimator != "gd2po"}
    return METHODS | {name: title for name, title in (filters | estimators).items() if name not in METHODS}
