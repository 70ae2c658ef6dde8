"""One line a step that a person can read, beside verl's long one."""

from collections.abc import Collection, Mapping, Sequence

_PHASES = {"gen": "rollout", "reward": "reward", "old_log_prob": "log-probs", "update_actor": "update"}

_SHOWN_FROM = -0.005
"""The gain from which on it is shown as negative: what would be rounded to 0 is not."""


def step_line(
    step: int,
    steps: int,
    rewards: Sequence[str],
    metrics: Mapping[str, float],
    watched: Sequence[str] = (),
    not_raised: Collection[str] = (),
) -> str:
    """Such as ``step 12 of 100 | useful 0.82  harmless 1.31 | conflict 43%  masked 43% | 34 s: rollout 20, update 9``.

    Args:
        step, steps: The number of this step, and of all steps.
        rewards: The names of the rewards, in the order to show.
        metrics: The metrics of the step, with verl's timings in seconds.
        watched: The names of the scores that are logged and never trained on.
        not_raised: The rewards that the update is not meant to raise: those of weight 0 or below.

    Another reward that the update is expected to lower is named after the conflicts, with its gain.
    """
    scores = "  ".join(f"{name} {metrics[f'reward/{name}/mean']:.3g}{_multiplier(name, metrics)}" for name in rewards)
    if watched:
        scores += " | watched: " + "  ".join(f"{name} {metrics[f'watch/{name}/mean']:.3g}" for name in watched)
    conflict = f"conflict {metrics['conflict/rate']:.0%}  masked {metrics['conflict/masked']:.0%}"
    if emptied := metrics["conflict/emptied_groups"]:
        conflict += f"  {emptied:g} of {metrics['groups/count']:g} prompts emptied"
    gains = {name: metrics[f"update/{name}/gain"] for name in rewards if name not in not_raised}
    if negative := [f"{name} {gain:.2f}" for name, gain in gains.items() if gain <= _SHOWN_FROM]:
        conflict += f"  negative gain: {', '.join(negative)}"
    evicted = sum(value for name, value in metrics.items() if name.startswith("filter_groups/evicted_"))
    if evicted or metrics.get("filter_groups/kept_without_vote"):
        conflict += f" | {evicted:g} groups evicted, {metrics['filter_groups/refilled']:g} prompts refilled"
    timings = {
        shown: metrics[f"timing_s/{phase}"] for phase, shown in _PHASES.items() if f"timing_s/{phase}" in metrics
    }
    phases = ", ".join(f"{name} {seconds:.0f}" for name, seconds in timings.items() if seconds >= 0.5)
    duration = f"{metrics['timing_s/step']:.0f} s" + (f": {phases}" if phases else "")
    return f"step {step} of {steps} | {scores} | {conflict} | {duration}"


def _multiplier(name: str, metrics: Mapping[str, float]) -> str:
    """The multiplier of a reward with a target, such as `` (λ 1.2)``."""
    return f" (λ {metrics[f'reward/{name}/weight']:.3g})" if f"reward/{name}/violation" in metrics else ""
