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
    scheduled: Collection[str] = (),
) -> str:
    """Such as ``step 12 of 100 | useful 0.82  harmless 1.31 | conflict 43%  masked 43% | 34 s: rollout 20, update 9``.

    Args:
        step, steps: The number of this step, and of all steps.
        rewards: The names of the rewards, in the order to show.
        metrics: The metrics of the step, with verl's timings in seconds.
        watched: The names of the scores that are logged and never trained on.
        scheduled: The rewards whose weight follows a schedule; the weight of the step stands behind their score.

    A reward of a weight above 0 that the update is expected to lower is named after the conflicts, with its gain.
    """
    scores = "  ".join(
        f"{name} {metrics[f'reward/{name}/mean']:.3g}{_weight(name, metrics, scheduled)}" for name in rewards
    )
    if watched:
        scores += " | watched: " + "  ".join(f"{name} {metrics[f'watch/{name}/mean']:.3g}" for name in watched)
    conflict = f"conflict {metrics['conflict/rate']:.0%}  masked {metrics['conflict/masked']:.0%}"
    if emptied := metrics["conflict/emptied_groups"]:
        conflict += f"  {emptied:g} of {metrics['groups/count']:g} prompts emptied"
    raised = (name for name in rewards if metrics[f"reward/{name}/weight"] > 0)
    gains = {name: metrics[f"update/{name}/gain"] for name in raised}
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


def _weight(name: str, metrics: Mapping[str, float], scheduled: Collection[str]) -> str:
    """A weight that moves, such as `` (λ 1.2)`` of a reward with a target, or `` (weight 0.6)`` by a schedule."""
    sign = "λ" if f"reward/{name}/violation" in metrics else "weight" if name in scheduled else ""
    return f" ({sign} {metrics[f'reward/{name}/weight']:.3g})" if sign else ""
