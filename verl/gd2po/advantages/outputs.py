"""What comes out: of an estimator, and of the two functions users call."""

from dataclasses import dataclass

from torch import Tensor

from gd2po.advantages.whitening import Whitened


@dataclass(frozen=True)
class Estimate:
    """What an estimator returns, float64.

    Attributes:
        advantages: one per rollout [N]; 0 where not kept.
        kept: rollouts that may carry an advantage [N] bool.
        query_weight: the factor of each rollout's group [N]; 0 where nothing is scored.
        whitened: the whitening step, if there was one.
        terms: what each reward adds to a rollout's advantage [K, N], before whitening; None: its vote, times the query
            weight, where kept.
        unfiltered: the advantages of the same estimator without its filter [N]; None: it has none, or it drops nothing.
    """

    advantages: Tensor
    kept: Tensor
    query_weight: Tensor
    whitened: Whitened | None = None
    terms: Tensor | None = None
    unfiltered: Tensor | None = None


@dataclass(frozen=True)
class RolloutAdvantages:
    """Advantages per rollout. Real tensors are float32; padding rows are 0 and False throughout.

    Attributes:
        rollout_advantages: the scalar that each token of the rollout gets [N].
        per_reward: name -> group-relative advantage [N], direction applied, unweighted; 0 where not scored.
        conflict: the rollout's votes have both signs [N] bool, whatever the estimator.
        kept: the rollout may carry an advantage [N] bool; for GRPO and GDPO every scored rollout.
        query_weight: GD²PO's weight of the rollout's group [N]; 1 for GRPO and GDPO, 0 for rollouts without a score.
        metrics: flat figures, see :mod:`gd2po.advantages.metrics`.
    """

    rollout_advantages: Tensor
    per_reward: dict[str, Tensor]
    conflict: Tensor
    kept: Tensor
    query_weight: Tensor
    metrics: dict[str, float]


@dataclass(frozen=True)
class AdvantageOutput(RolloutAdvantages):
    """:class:`RolloutAdvantages` and its product with the response mask, `advantages` [N, T] float32."""

    advantages: Tensor
