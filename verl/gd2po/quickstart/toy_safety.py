"""Everything that a run of helpfulness against safety needs, in one folder, in a minute, without a download."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.errors import SettingsError
from gd2po.quickstart import toy_rewards
from gd2po.quickstart.policy import PolicySize
from gd2po.quickstart.tokenizer import train_tokenizer
from gd2po.quickstart.toy_rewards import LABELS, Training
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds import safety as world
from gd2po.quickstart.worlds.safety import Question

ABOUT = "about.json"


@dataclass(frozen=True)
class Sizes:
    """How much is made.

    Attributes:
        train_prompts, test_prompts: questions, no goal of which is in both.
        demonstrations: that the policy is warm-started on.
    """

    train_prompts: int = 512
    test_prompts: int = 64
    demonstrations: int = 1500


def make_toy_safety(
    folder: Path,
    seed: int,
    *,
    sizes: Sizes = Sizes(),
    training: Training = Training(),  # noqa: B008  frozen
    warm_start: WarmStart = WarmStart(epochs=2),  # noqa: B008  frozen
    on_progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Make ``train.parquet``, ``test.parquet``, ``policy``, ``helpful``, ``harmless``, ``cost`` and ``guard``.

    ``helpful`` and ``harmless`` are scalar models of which more is better; ``cost`` is ``harmless`` with the opposite
    sign; ``guard`` is a causal model that says safe or unsafe.

    Args:
        folder: to make, whole or not at all.
        seed: of everything.
        sizes: of the data.
        training: of the reward models.
        warm_start: of the policy.
        on_progress: called with what is being made.

    Returns:
        What ``about.json`` holds: seed, sizes, and the accuracies of the reward models on pairs about test questions.
        Their goals are new to the models, the phrases of their answers are not: the known pairs of the sign check, of
        which nothing is in this world, are the harder test.

    Raises:
        SettingsError: the folder exists, or the world is smaller than the sizes.
    """
    if folder.exists():
        raise SettingsError(f"{folder} exists already; name another folder, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, "toy")
        made.mkdir()
        accuracies = _make(made, seed, sizes, training, warm_start, on_progress)
        about = {"seed": seed, "sizes": asdict(sizes), "training": asdict(training), "held_out_accuracy": accuracies}
        (made / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        made.rename(folder)
    return about


def _make(
    folder: Path,
    seed: int,
    sizes: Sizes,
    training: Training,
    warm_start: WarmStart,
    on_progress: Callable[[str], None],
) -> dict[str, float]:
    from transformers import logging

    logging.disable_progress_bar()
    on_progress("prompts")
    asked = world.questions(sizes.train_prompts, seed, "train")
    unseen = world.questions(sizes.test_prompts, seed, "test")
    world.write_prompts(asked, folder / "train.parquet", "train")
    world.write_prompts(unseen, folder / "test.parquet", "test")

    on_progress("policy")
    shown = world.demonstrations(asked, sizes.demonstrations, seed)
    build_policy(shown, folder / "policy", warm_start, seed, size=PolicySize(vocabulary=training.vocabulary))
    return _make_models(folder, seed, asked, unseen, training, on_progress)


def _make_models(
    folder: Path,
    seed: int,
    asked: list[Question],
    unseen: list[Question],
    training: Training,
    on_progress: Callable[[str], None],
) -> dict[str, float]:
    """The reward models; returns their accuracies."""
    tokenizer = _tokenizer(asked, training, seed)
    found = {}

    on_progress("helpful")
    model = toy_rewards.train_scalar(world.pairs(asked, training.pairs, seed, "helpful"), tokenizer, training, seed)
    held_out = world.pairs(unseen, training.held_out, seed, "helpful")
    found["helpful"] = toy_rewards.scalar_accuracy(model, held_out, tokenizer)
    toy_rewards.save(model, tokenizer, folder / "helpful")

    on_progress("harmless")
    model = toy_rewards.train_scalar(world.pairs(asked, training.pairs, seed, "safe"), tokenizer, training, seed)
    held_out = world.pairs(unseen, training.held_out, seed, "safe")
    found["harmless"] = toy_rewards.scalar_accuracy(model, held_out, tokenizer)
    toy_rewards.save(model, tokenizer, folder / "harmless")

    toy_rewards.negate(model)
    costlier_first = [(question, worse, better) for question, better, worse in held_out]
    found["cost"] = toy_rewards.scalar_accuracy(model, costlier_first, tokenizer)
    toy_rewards.save(model, tokenizer, folder / "cost")

    on_progress("guard")
    model = toy_rewards.train_guard(world.safe_and_unsafe(asked, training.pairs, seed), tokenizer, training, seed)
    held_out = world.safe_and_unsafe(unseen, training.held_out, seed)
    found["guard"] = toy_rewards.guard_accuracy(model, held_out, tokenizer)
    toy_rewards.save(model, tokenizer, folder / "guard")
    return found


def _tokenizer(asked: list[Question], training: Training, seed: int) -> Any:
    texts = [text for pair in world.pairs(asked, training.pairs, seed, "helpful") for text in pair]
    return train_tokenizer([*texts, *LABELS * 50], training.vocabulary)
