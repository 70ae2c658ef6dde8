"""Everything that a run of helpfulness against safety needs, in one folder, in a minute, without a download."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.errors import SettingsError
from gd2po.quickstart.policy import PolicySize
from gd2po.quickstart.tokenizer import train_tokenizer
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds import safety as world
from gd2po.quickstart.worlds import safety_models
from gd2po.quickstart.worlds.safety import ToyQuestion
from gd2po.quickstart.worlds.safety_models import LABELS, Training


@dataclass(frozen=True)
class Sizes:
    """How much data is made.

    Attributes:
        train_prompts, test_prompts: The numbers of questions of the two splits, which have no goal in common.
        demonstrations: The number of answers that the policy is warm-started on.
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
        folder: The folder to make, whole or not at all.
        seed: The seed of everything.
        sizes: The sizes of the data.
        training: How the reward models are trained.
        warm_start: How the policy is trained.
        on_progress: Called with what is being made.

    Returns:
        What ``about.json`` holds: seed, sizes, and the accuracies of the reward models on pairs about test questions.
        Their goals are new to the models, the phrases of their answers are not: the known pairs of the sign check, of
        which nothing is in this world, are the harder test.

    Raises:
        SettingsError: The folder exists, or the world is smaller than the sizes.
    """
    if folder.exists():
        raise SettingsError(f"{folder} exists already; name another folder, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        unfinished = Path(scratch, "toy")
        unfinished.mkdir()
        accuracies = _make(unfinished, seed, sizes, training, warm_start, on_progress)
        facts = {"seed": seed, "sizes": asdict(sizes), "training": asdict(training), "held_out_accuracy": accuracies}
        (unfinished / "about.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        unfinished.rename(folder)
    return facts


def _make(
    folder: Path,
    seed: int,
    sizes: Sizes,
    training: Training,
    warm_start: WarmStart,
    on_progress: Callable[[str], None],
) -> dict[str, float]:
    """Everything but ``about.json``; returns the accuracies of the reward models."""
    from transformers import logging

    logging.disable_progress_bar()
    on_progress("prompts")
    train = world.questions(sizes.train_prompts, seed, "train")
    test = world.questions(sizes.test_prompts, seed, "test")
    world.write_prompts(train, folder / "train.parquet", "train")
    world.write_prompts(test, folder / "test.parquet", "test")

    on_progress("policy")
    demonstrations = world.demonstrations(train, sizes.demonstrations, seed)
    build_policy(demonstrations, folder / "policy", warm_start, seed, size=PolicySize(vocabulary=training.vocabulary))
    return _make_models(folder, seed, train, test, training, on_progress)


def _make_models(
    folder: Path,
    seed: int,
    train: list[ToyQuestion],
    test: list[ToyQuestion],
    training: Training,
    on_progress: Callable[[str], None],
) -> dict[str, float]:
    """The four reward models; returns their accuracies."""
    tokenizer = _tokenizer(train, training, seed)
    accuracies = {}

    aspects: dict[str, world.Aspect] = {"helpful": "helpful", "harmless": "safe"}
    for name, aspect in aspects.items():
        on_progress(name)
        model = safety_models.train_scalar(world.pairs(train, training.pairs, seed, aspect), tokenizer, training, seed)
        held_out = world.pairs(test, training.held_out, seed, aspect)
        accuracies[name] = safety_models.scalar_accuracy(model, held_out, tokenizer)
        safety_models.save(model, tokenizer, folder / name)

    safety_models.negate(model)
    costlier_first = [(question, worse, better) for question, better, worse in held_out]
    accuracies["cost"] = safety_models.scalar_accuracy(model, costlier_first, tokenizer)
    safety_models.save(model, tokenizer, folder / "cost")

    on_progress("guard")
    model = safety_models.train_guard(world.safe_and_unsafe(train, training.pairs, seed), tokenizer, training, seed)
    held_out = world.safe_and_unsafe(test, training.held_out, seed)
    accuracies["guard"] = safety_models.guard_accuracy(model, held_out, tokenizer)
    safety_models.save(model, tokenizer, folder / "guard")
    return accuracies


def _tokenizer(questions: list[ToyQuestion], training: Training, seed: int) -> Any:
    texts = [text for pair in world.pairs(questions, training.pairs, seed, "helpful") for text in pair]
    return train_tokenizer([*texts, *LABELS * 50], training.vocabulary)
