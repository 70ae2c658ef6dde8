"""One line a step that a person can read, beside verl's long one."""

from collections.abc import Mapping, Sequence

_PHASES = {"gen": "rollout", "reward": "reward", "old_log_prob": "log-probs", "update_actor": "update"}


def step_line(step: int, steps: int, rewards: Sequence[str], metrics: Mapping[str, float]) -> str:
    """Such as ``step 12 of 100 | useful 0.82  harmless 1.31 | conflict 43%  masked 43% | 34 s: rollout 20, update 9``.

    Args:
        step, steps: The number of this step, and of all steps.
        rewards: The names of the rewards, in the order to show.
        metrics: The metrics of the step, with verl's timings in seconds.
    """
    scores = "  ".join(f"{name} {metrics[f'reward/{name}/mean']:.3g}" for name in rewards)
    conflict = f"conflict {metrics['conflict/rate']:.0%}  masked {metrics['conflict/masked']:.0%}"
    if emptied := metrics["conflict/emptied_groups"]:
        conflict += f"  {emptied:g} of {metrics['groups/count']:g} prompts emptied"
    evicted = sum(value for name, value in metrics.items() if name.startswith("filter_groups/evicted_"))
    if evicted or metrics.get("filter_groups/kept_without_vote"):
        conflict += f" | {evicted:g} groups evicted, {metrics['filter_groups/refilled']:g} prompts refilled"
    timings = {
        shown: metrics[f"timing_s/{phase}"] for phase, shown in _PHASES.items() if f"timing_s/{phase}" in metrics
    }
    phases = ", ".join(f"{name} {seconds:.0f}" for name, seconds in timings.items() if seconds >= 0.5)
    duration = f"{metrics['timing_s/step']:.0f} s" + (f": {phases}" if phases else "")
    return f"step {step} of {steps} | {scores} | {conflict} | {duration}"
