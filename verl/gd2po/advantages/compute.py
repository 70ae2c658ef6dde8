"""The two functions users call: scores in, advantages out."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, get_args

import torch
from torch import Tensor

import gd2po.advantages.combinations
import gd2po.advantages.estimators
import gd2po.advantages.filters
import gd2po.advantages.normalisers  # noqa: F401  (each registers its methods)
from gd2po import defaults
from gd2po.advantages import checks
from gd2po.advantages.batch import assemble
from gd2po.advantages.metrics import batch_metrics
from gd2po.advantages.outputs import AdvantageOutput, RolloutAdvantages
from gd2po.advantages.registry import ESTIMATORS, Estimator, Normaliser, keeps_scales, normaliser
from gd2po.defaults import Direction, Missing
from gd2po.errors import SettingsError
from gd2po.registry import KIND, ChosenMethod


def compute_rollout_advantages(
    scores: Mapping[str, Tensor],
    group_ids: Iterable[Hashable],
    lengths: Tensor,
    *,
    estimator: str | ChosenMethod[Estimator] = defaults.ESTIMATOR,
    conflict_filter: str | Mapping[str, Any] | None = None,
    threshold: float | None = None,
    reward_weights: Mapping[str, float] | None = None,
    normalise: str | Mapping[str, Any] | ChosenMethod[Normaliser] | None = None,
    norm_by_std: bool | None = None,
    directions: Mapping[str, Direction] | None = None,
    missing: Missing = defaults.MISSING,
    valid: Tensor | None = None,
    **options: Any,
) -> RolloutAdvantages:
    """:func:`compute_advantages` for callers that know response lengths [N] (whole tokens) instead of a mask."""
    method = _choose(estimator, conflict_filter, threshold, options)
    checks.one_of("missing", missing, get_args(Missing))
    batch = assemble(
        scores,
        group_ids,
        lengths,
        reward_weights=reward_weights,
        directions=directions,
        missing=missing,
        valid=valid,
        normaliser=choose_normaliser(normalise, norm_by_std),
    )
    estimate = method(batch)
    per_reward = batch.normalised.advantages.to(torch.float32)
    return RolloutAdvantages(
        rollout_advantages=estimate.advantages.to(torch.float32),
        per_reward=dict(zip(batch.names, per_reward.unbind(), strict=True)),
        conflict=batch.votes.conflict,
        kept=estimate.kept,
        query_weight=estimate.query_weight.to(torch.float32),
        metrics=batch_metrics(batch, estimate),
    )


def compute_advantages(
    scores: Mapping[str, Tensor],
    group_ids: Iterable[Hashable],
    response_mask: Tensor,
    *,
    estimator: str | ChosenMethod[Estimator] = defaults.ESTIMATOR,
    conflict_filter: str | Mapping[str, Any] | None = None,
    threshold: float | None = None,
    reward_weights: Mapping[str, float] | None = None,
    normalise: str | Mapping[str, Any] | ChosenMethod[Normaliser] | None = None,
    norm_by_std: bool | None = None,
    directions: Mapping[str, Direction] | None = None,
    missing: Missing = defaults.MISSING,
    valid: Tensor | None = None,
    **options: Any,
) -> AdvantageOutput:
    """Advantages of N rollouts scored by K rewards, under GRPO, GDPO or GD²PO.

    Args:
        scores: reward name -> scores [N], any real dtype; NaN means not scored.
        group_ids: one hashable id per rollout; rollouts of a prompt share it. Order is free.
        response_mask: [N, T] of 0 and 1 in any dtype, 1 for response tokens.
        estimator: `grpo`, `gdpo`, `gd2po`, or a registered name.
        conflict_filter: what GD²PO does with contradictory votes: `none`, `hard` (if not given), `snr`, `share`,
            `soft`, `guard`, or a registered name; or a mapping of the name under `kind` and the filter's options,
            `{"kind": "snr", "threshold": 0.5}`.
        threshold: the option of that name of the conflict filter: τ of `snr`, in [0, 1].
        reward_weights: name -> w_k for every reward; all 1 if not given. 0 silences a reward, but logs it.
        normalise: the normaliser, which makes an advantage of each score: `group_std` (if not given), `group_mean`,
            `leave_one_out`, `batch`, `pooled`, `floored`, `shrunk`, or a registered name; or a mapping of the name
            under `kind` and its options, `{"kind": "shrunk", "share": 0.5}`.
        norm_by_std: True for `group_std`, False for `group_mean`, where `normalise` is not given.
        directions: name -> `maximize` (if not given) or `minimize`.
        missing: a NaN drops that vote (`drop`) or is refused (`error`).
        valid: [N] bool; False marks padding rows, which enter no statistic and no metric.
        options: options of the estimator. GDPO and GD²PO read `whiten`: over `tokens` (if not given), over `rollouts`,
            or `none`; and `combine`, how votes become one advantage: `sum` (if not given), `softmin`, `dvao`, `upgrad`
            and others, or a registered name, or a mapping as above. GD²PO reads `reweight`: `keep_ratio` (if not given)
            scales a group by its kept share, `none` does not.

    Returns:
        Advantages [N, T] on the mask's device, and what led to them. Without rewards' signal they are 0, never NaN.

    Raises:
        RewardError: a score is infinite or, with `missing="error"`, absent; or a reward is no tensor of numbers [N].
        SettingsError: an option, weight, direction or name is wrong, or the method does not read an option.
        ValueError: mask, ids or `valid` do not fit the batch. (The two above are ValueErrors as well.)
        TypeError: an id is not hashable.
    """
    rollouts = compute_rollout_advantages(
        scores,
        group_ids,
        checks.mask_lengths(response_mask),
        estimator=estimator,
        conflict_filter=conflict_filter,
        threshold=threshold,
        reward_weights=reward_weights,
        normalise=normalise,
        norm_by_std=norm_by_std,
        directions=directions,
        missing=missing,
        valid=valid,
        **options,
    )
    advantages = torch.where(response_mask.to(torch.bool), rollouts.rollout_advantages[:, None], 0.0)
    return AdvantageOutput(**vars(rollouts), advantages=advantages)


def choose_normaliser(
    normalise: str | Mapping[str, Any] | ChosenMethod[Normaliser] | None, norm_by_std: bool | None
) -> ChosenMethod[Normaliser]:
    """The normaliser that `normalise` and the older `norm_by_std` say together.

    Raises:
        SettingsError: the two contradict each other, or the normaliser or an option of it is wrong.
    """
    if normalise is None:
        return normaliser("group_mean" if norm_by_std is False else "group_std")
    chosen = normaliser(normalise)
    if norm_by_std is not None and norm_by_std == keeps_scales(chosen):
        effect = "divides by a standard deviation" if norm_by_std is False else "does not divide by one"
        raise SettingsError(
            f"norm_by_std is {norm_by_std}, but the normaliser {chosen.kind} {effect}; remove one of the two settings "
            "(norm_by_std is algorithm.norm_adv_by_std_in_grpo in verl)"
        )
    return chosen


def _choose(
    estimator: str | ChosenMethod[Estimator],
    conflict_filter: str | Mapping[str, Any] | None,
    threshold: float | None,
    options: Mapping[str, Any],
) -> ChosenMethod[Estimator]:
    """The estimator with its options; the conflict filter is its option `filter`."""
    choice = dict(options)
    if conflict_filter is not None or threshold is not None:
        named = {KIND: conflict_filter} if isinstance(conflict_filter, str) else conflict_filter or {}
        by_keyword = {} if threshold is None else {"threshold": threshold}
        choice["filter"] = {**named, **by_keyword}
    if isinstance(estimator, ChosenMethod):
        choice = estimator.plain_options() | choice
        estimator = estimator.kind
    return ESTIMATORS.configure(estimator, choice)
