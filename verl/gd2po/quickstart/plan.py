"""What a quickstart trains: methods, sizes and where everything goes."""

import json
from dataclasses import dataclass
from pathlib import Path

from gd2po.errors import SettingsError, unknown_name
from gd2po.method_names import estimator_title
from gd2po.plugins import is_file, load_plugins

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
        methods: The names of the methods, in the order of the table.
        steps: The number of policy updates per method.
        seed: The seed of data, warm start, rollouts and data order.
        folder: The folder below which everything is written.
        plugins: The modules or ``.py`` files that register further methods.

    Raises:
        SettingsError: an unknown method (the nearest is suggested), none, or fewer than one step.
    """

    methods: tuple[str, ...]
    steps: int
    seed: int
    folder: Path
    plugins: tuple[str, ...] = ()

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
    def policy(self) -> Path:
        return self.folder / f"policy-seed{self.seed}"

    def run_folder(self, method: str) -> Path:
        return self.folder / f"{method}-seed{self.seed}"

    def overrides(self, method: str) -> list[str]:
        """Hydra overrides over ``tool-calling/config``: the task made small, nothing else."""
        return [
            *self._method_overrides(method),
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
