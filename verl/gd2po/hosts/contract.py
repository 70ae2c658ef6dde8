"""What every host asks of the method, and what it writes down of a rollout: no trainer is known here.

A host brings named scores [N], the prompt of each rollout and its number of tokens. It gets one advantage per rollout,
what led to it, and metrics; :func:`record_columns` gives the fields of its rollout dump.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gd2po.advantages import RolloutAdvantages, compute_rollout_advantages
from gd2po.errors import SettingsError
from gd2po.rewards.composition import apply_gates
from gd2po.settings import Settings
from gd2po.weights import RewardWeights


def estimate_rollouts(
    settings: Settings,
    scores: Mapping[str, Tensor],
    group_ids: Iterable[Hashable],
    lengths: Tensor,
    weights: Mapping[str, float],
) -> RolloutAdvantages:
    """Advantages of N rollouts under the settings of a run.

    Args:
        settings: The settings of the run.
        scores: Reward → raw scores [N], NaN where not scored.
        group_ids: [N] The prompt of each rollout.
        lengths: [N] The number of tokens of each rollout that are trained on.
        weights: Reward → weight in the step.

    Raises:
        RewardError: a score is infinite or, with ``missing: error``, absent.
    """
    return compute_rollout_advantages(
        apply_gates(scores, settings.gates), group_ids, lengths, **settings.advantage_arguments(weights)
    )


def leaves_rows_out(settings: Settings, reasons: Sequence[str]) -> bool:
    """Whether a run leaves rows without an advantage out of the update.

    Args:
        settings: The settings of the run.
        reasons: Why that would change the update; empty where it is exact.

    Raises:
        SettingsError: the settings insist on it, and it would change the update.
    """
    if settings.skip_masked is True and reasons:
        raise SettingsError(
            f"algorithm.gd2po.skip_masked is true, but it would change the update: {'; '.join(reasons)}. Set it to "
            "auto, which leaves rows out where that is exact, or to false"
        )
    return settings.skip_masked is not False and not reasons


def weight_metrics(
    reward_weights: RewardWeights, step: int, weights: Mapping[str, float], scores: Mapping[str, Tensor]
) -> dict[str, float]:
    """The weights that the step has used, and the violations of constraints, which make the weights of the next step.

    Args:
        reward_weights: The weights of the training; its multipliers are updated.
        step: The number of the step.
        weights: Reward → weight in the step.
        scores: Reward → [N] raw scores, before ``requires``; NaN where not scored.
    """
    means = {name: float(scores[name].nanmean()) for name in reward_weights.constraints}
    violations = reward_weights.update(step, means)
    figures = {f"reward/{name}/weight": weight for name, weight in weights.items()}
    return figures | {f"reward/{name}/violation": violation for name, violation in violations.items()}


def record_columns(
    scores: Mapping[str, Tensor],
    result: RolloutAdvantages,
    watched: Mapping[str, Tensor],
    weights: Mapping[str, float],
) -> dict[str, list[Any]]:
    """The fields of a rollout dump as columns of N values; None where not scored, because JSON has no NaN.

    Args:
        scores: Reward → raw scores [N].
        result: The advantages of the same rollouts.
        watched: Watched name → scores [N] that are not trained on.
        weights: Reward → weight of the step, where weights move; empty where they are the same in all steps.
    """
    columns = {f"reward/{name}": values for name, values in scores.items()}
    columns |= {f"adv/{name}": values for name, values in result.per_reward.items()}
    columns |= {f"watch/{name}": values for name, values in watched.items()}
    columns |= {name: getattr(result, name) for name in ("conflict", "kept", "query_weight")}
    columns["advantage"] = result.rollout_advantages
    plain: dict[str, list[Any]] = {
        name: [None if math.isnan(value) else value for value in values.tolist()] for name, values in columns.items()
    }
    return plain | {f"weight/{name}": [weight] * len(result.kept) for name, weight in weights.items()}
