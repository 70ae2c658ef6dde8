"""A newcomer's first run: a tiny policy, a small task in the real grammar, verl's own trainer on CPU."""

from collections.abc import Callable

from gd2po.quickstart.plan import DEMONSTRATIONS, METHODS, TEST_ROWS, THINK_WORDS, TRAIN_ROWS, Plan

__all__ = ["METHODS", "Plan", "prepare_policy", "prepare_task"]


def prepare_task(plan: Plan) -> None:
    """Write the training and test prompts, unless they are there."""
    from gd2po.data.tool_calling import prepare
    from gd2po.quickstart.worlds.dialogues import generate

    folder = plan.folder / f"data-seed{plan.seed}"
    for split, rows, offset in (("train", TRAIN_ROWS, 1), ("test", TEST_ROWS, 2)):
        if not (folder / f"{split}.parquet").exists():
            prepare(generate(rows, 3 * plan.seed + offset), folder / f"{split}.parquet", split=split)


def prepare_policy(plan: Plan, on_progress: Callable[[float], None]) -> None:
    """Build and warm-start the tiny policy, unless it is there."""
    from gd2po.quickstart.warm_start import WarmStart, build_policy
    from gd2po.quickstart.worlds.dialogues import demonstrations, generate

    records = demonstrations(generate(DEMONSTRATIONS, 3 * plan.seed), plan.seed, think_words=THINK_WORDS)
    build_policy(records, plan.policy, WarmStart(), plan.seed, on_progress)
