"""The tasks that a real trainer learns: what is trained, on which data, from which policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gd2po.quickstart.plan import TINY_MODEL

Prepare = Callable[[int, str, Path], Mapping[str, str]]
"""Seed, model and folder → Hydra's overrides (key → value) that choose policy and data, once both are there."""


@dataclass(frozen=True)
class Size:
    """How much a training computes.

    Attributes:
        steps: The number of steps, each of which generates a batch.
        prompts: The number of prompts of a step.
        mini_batch: The number of prompts of an update.
        learning_rate: The learning rate.
        rollouts: The number of answers to a prompt in training.
        answers: The number of sampled answers to each of the test prompts in a validation.
        test_prompts: The most test prompts of a validation.
    """

    steps: int
    prompts: int
    mini_batch: int
    learning_rate: str
    rollouts: int = 8
    answers: int = 4
    test_prompts: int = 64

    def overrides(self) -> list[str]:
        """Hydra's overrides that set these numbers."""
        actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
        return [
            f"data.train_batch_size={self.prompts}",
            f"data.val_max_samples={self.test_prompts}",
            f"{actor}.ppo_mini_batch_size={self.mini_batch}",
            f"{actor}.optim.lr={self.learning_rate}",
            f"{rollout}.n={self.rollouts}",
            f"{rollout}.temperature=1.0",
            f"{rollout}.val_kwargs.temperature=1.0",
            f"{rollout}.val_kwargs.do_sample=true",
            f"{rollout}.val_kwargs.n={self.answers}",
            f"trainer.total_training_steps={self.steps}",
        ]


@dataclass(frozen=True)
class TrainingTask:
    """A task that a real trainer learns.

    Attributes:
        name: The name in results.
        summary: What it is, in a line.
        configuration: The folder of the repository whose configuration it uses.
        rewards: The names of the rewards.
        weights: The weight of each reward in the mean that is compared: one over its range, so that all count alike.
            In training each has the weight 1.
        size: How much is computed with the tiny policy.
        overrides: What is changed in the configuration.
        prepare: What makes data and policy.
        missing: A function that says why the task cannot be run here, with the remedy; None where it can.
        for_models: Whether pretrained models can learn it, too.
    """

    name: str
    summary: str
    configuration: str
    rewards: tuple[str, ...]
    weights: tuple[float, ...]
    size: Size
    overrides: tuple[str, ...]
    prepare: Prepare
    missing: Callable[[], str | None] = lambda: None
    for_models: bool = False


MODEL_SIZE = Size(steps=30, prompts=16, mini_batch=8, learning_rate="3e-5")
"""How much is computed with a pretrained model; a step takes about three seconds on one GPU."""


_MOST_TOKENS = 80
"""The most tokens of a tool call with its thought; nearly all of the demonstrations have fewer than 65."""


def _tool_calling(seed: int, model: str, folder: Path) -> Mapping[str, str]:
    from gd2po.quickstart import Plan, prepare_policy, prepare_task

    plan = Plan(("gdpo",), 1, seed, folder, model=model)
    prepare_task(plan)
    prepare_policy(plan, lambda _share: None)
    return {
        **_files(plan.policy, plan.data),
        "data.max_prompt_length": str(plan.sizes.prompt_tokens),
        "data.max_response_length": str(_MOST_TOKENS),
        "+reward.custom_reward_function.reward_kwargs.target_words": str(plan.sizes.target_words),
    }


def _arithmetic(seed: int, model: str, folder: Path) -> Mapping[str, str]:
    from gd2po.quickstart.worlds.arithmetic import make_toy_math

    return _toy(make_toy_math, folder / f"arithmetic-seed{seed}", seed)


def _programs(seed: int, model: str, folder: Path) -> Mapping[str, str]:
    from gd2po.quickstart.worlds.programs import make_toy_code

    return _toy(make_toy_code, folder / f"programs-seed{seed}", seed)


def _safety(seed: int, model: str, folder: Path) -> Mapping[str, str]:
    from gd2po.quickstart.worlds.safety_folder import make_toy_safety

    world = folder / f"safety-seed{seed}"
    rewards = "algorithm.gd2po.rewards"
    return {
        **_toy(make_toy_safety, world, seed),
        f"{rewards}.useful.model.path": f"{world}/helpful",
        f"{rewards}.harmless.model.path": f"{world}/harmless",
    }


def _toy(make: Callable[[Path, int], object], world: Path, seed: int) -> Mapping[str, str]:
    if not world.exists():
        make(world, seed)
    return _files(world / "policy", world)


def _files(policy: Path, data: Path) -> dict[str, str]:
    return {
        "actor_rollout_ref.model.path": str(policy),
        "data.train_files": f"{data}/train.parquet",
        "data.val_files": f"{data}/test.parquet",
    }


def _no_sandbox() -> str | None:
    from gd2po.errors import GD2POError
    from gd2po.rewards.coding.scoring import check_sandbox

    try:
        check_sandbox()
    except GD2POError as error:
        return str(error)
    return None


def _no_judge() -> str | None:
    from importlib.util import find_spec

    return None if find_spec("math_verify") else "its rewards need math-verify: pip install 'gd2po[math]'"


_OF_SIX = 1 / 6
"""The weight of the correctness of tool calls, which goes from -3 to 3."""

_OF_TWELVE = 1 / 12
"""The weight of the scores of the tiny reward models, which lie between about -6 and 6."""

_NO_KL = "actor_rollout_ref.actor.use_kl_loss=false"

TASKS = {
    task.name: task
    for task in (
        TrainingTask(
            "tool-calling-3",
            "tool calling in the real grammar: right call, format, length of the thought",
            "tool-calling",
            ("correctness", "format", "length"),
            (_OF_SIX, 1.0, 1.0),
            Size(steps=18, prompts=8, mini_batch=8, learning_rate="5e-4"),
            ("rewards=correctness_length_format",),
            _tool_calling,
            for_models=True,
        ),
        TrainingTask(
            "tool-calling-2",
            "tool calling in the real grammar: right call, length of the thought",
            "tool-calling",
            ("correctness", "length"),
            (_OF_SIX, 1.0),
            Size(steps=18, prompts=8, mini_batch=8, learning_rate="5e-4"),
            ("rewards=correctness_length",),
            _tool_calling,
            for_models=True,
        ),
        TrainingTask(
            "arithmetic",
            "one-step problems: right answer, brevity, tags",
            "math-reasoning",
            ("correctness", "length", "format"),
            (1.0, 1.0, 1.0),
            Size(steps=18, prompts=8, mini_batch=8, learning_rate="5e-4"),
            ("rewards=toy", "data.max_response_length=64", _NO_KL),
            _arithmetic,
            _no_judge,
        ),
        TrainingTask(
            "programs",
            "tiny programs, run in the sandbox: share of passed tests, brevity, no error",
            "coding",
            ("pass_rate", "length", "bug_free"),
            (1.0, 1.0, 1.0),
            Size(steps=12, prompts=8, mini_batch=8, learning_rate="5e-4", answers=2),
            ("rewards=toy", "data.max_response_length=80", _NO_KL),
            _programs,
            _no_sandbox,
        ),
        TrainingTask(
            "safety",
            "answers to harmless and risky questions, judged by two tiny reward models",
            "safe-alignment",
            ("useful", "harmless"),
            (_OF_TWELVE, _OF_TWELVE),
            Size(steps=12, prompts=8, mini_batch=8, learning_rate="5e-4"),
            ("rewards=toy", "data.max_response_length=48"),
            _safety,
        ),
    )
}
"""Name → task."""


def size_of(task: TrainingTask, model: str) -> Size:
    """How much a training of a model computes."""
    return task.size if model == TINY_MODEL else MODEL_SIZE
