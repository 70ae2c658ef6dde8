"""A newcomer's first run: a small model, a small task in the real grammar, verl's own trainer on CPU."""

from collections.abc import Callable
from functools import partial

from gd2po.quickstart.plan import METHODS, Plan

__all__ = ["METHODS", "Plan", "policy_maker", "prepare_policy", "prepare_task"]


def prepare_task(plan: Plan) -> None:
    """Write the training and test prompts, unless they are there."""
    from gd2po.data.tool_calling import prepare
    from gd2po.quickstart.worlds.dialogues import generate

    sizes = plan.sizes
    for split, rows, offset in (("train", sizes.train_rows, 1), ("test", sizes.test_rows, 2)):
        if not (plan.data / f"{split}.parquet").exists():
            records = generate(rows, 3 * plan.seed + offset, brief=True, most_values=sizes.most_values)
            prepare(records, plan.data / f"{split}.parquet", split=split)


def prepare_policy(plan: Plan, on_progress: Callable[[float], None]) -> None:
    """Build and warm-start the policy, unless it is there."""
    policy_maker(plan)(on_progress=on_progress)


def policy_maker(plan: Plan) -> Callable[..., None]:
    """What builds and warm-starts the policy, for :func:`gd2po.quickstart.own_process.in_own_process`."""
    from gd2po.quickstart.policy import TINY_POLICY
    from gd2po.quickstart.warm_start import LANGUAGE_MODEL, WarmStart, build_policy, warm_start
    from gd2po.quickstart.worlds.dialogues import demonstrations, generate

    sizes = plan.sizes
    records = demonstrations(
        generate(sizes.demonstrations, 3 * plan.seed, brief=True, most_values=sizes.most_values),
        plan.seed,
        fault_share=sizes.fault_share,
        short_thought=sizes.short_thought,
        long_thought=sizes.long_thought,
    )
    if plan.is_tiny:
        return partial(build_policy, records, plan.policy, WarmStart(), plan.seed, size=TINY_POLICY)
    return partial(warm_start, plan.model, records, plan.policy, LANGUAGE_MODEL, plan.seed)
