"""Every method on the same rollouts, by the very functions that train with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.advantages.registry import ESTIMATORS, FILTERS
from gd2po.insight.check.methods.bootstrap import Bootstrap
from gd2po.insight.check.methods.moments import moments
from gd2po.insight.check.rollouts import Rollouts
from gd2po.intervals import Interval
from gd2po.method_names import estimator_title, filter_title

if TYPE_CHECKING:
    from gd2po.advantages import RolloutAdvantages

GRPO, GDPO, HARD = "GRPO", "GDPO", "Hard"
_LISTED = {"grpo", "gdpo", "gd2po", "none", "hard", "snr"}
"""Methods with rows of their own, and no filter, which is GDPO."""


@dataclass(frozen=True)
class MethodResult:
    """What a method does with these rollouts.

    Attributes:
        name: The name in tables: ``GRPO``, ``GDPO``, ``Hard`` or ``SNR 0.8``; a method of a plug-in with its
            options, such as ``margin least=0.5``.
        tau: The threshold of the SNR filter; None for other methods.
        kept: The share of the rollouts that are kept.
        emptied: The share of the groups of which nothing is kept.
        tokens_masked: The share of the response tokens, or of what stands for them, in rollouts that are not kept.
        effective: The effective sample size of the advantages, (Σ|A|)² / ΣA², as a share of the rollouts.
        cosine_gdpo: The cosine of the method's advantages with GDPO's.
        cosine: Reward → cosine of the method's advantages with those of that reward alone.
        share: Reward → its share in the update.
    """

    name: str
    tau: float | None
    kept: Interval
    emptied: Interval
    tokens_masked: Interval
    effective: Interval
    cosine_gdpo: Interval
    cosine: dict[str, Interval]
    share: dict[str, float]


def snr_name(tau: float) -> str:
    """Name of the SNR filter at a threshold."""
    return f"SNR {tau:g}"


class Methods:
    """Runs methods on N rollouts.

    Attributes:
        gdpo: the result of GDPO, with which the others are compared.
        normalised: reward → group-relative advantage [N], direction applied.
    """

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        self._bootstrap = Bootstrap(rollouts.group_count)
        self._scores = dict(zip(rollouts.names, torch.from_numpy(rollouts.scores), strict=True))
        self._groups = torch.from_numpy(rollouts.groups)
        self._lengths = torch.from_numpy(rollouts.lengths)
        self.gdpo = self._run(estimator="gdpo")
        self.normalised = {name: values.numpy() for name, values in self.gdpo.per_reward.items()}
        self._references = {"GDPO": self.gdpo.rollout_advantages.numpy()} | {
            # A weight below 0 turns the reward's own update round as well.
            f"of {name}": values if rollouts.weights[name] >= 0 else -values
            for name, values in self.normalised.items()
        }

    def results(self, taus: tuple[float, ...]) -> Iterator[MethodResult]:
        """GRPO, GDPO, SNR at each threshold in ascending order, Hard; then what plug-ins have registered.

        A registered filter is tried in GD²PO; it and a registered estimator have the defaults of their options.
        """
        yield self._result(GRPO, self._run(estimator="grpo"))
        yield self._result(GDPO, self.gdpo)
        for tau in sorted(set(taus)):
            yield self._result(snr_name(tau), self._run(conflict_filter="snr", threshold=tau), tau)
        yield self._result(HARD, self._run(conflict_filter="hard"))
        for kind in sorted(set(FILTERS.names()) - _LISTED):
            title = filter_title(kind, FILTERS.choose(kind).plain_options())
            yield self._result(title, self._run(conflict_filter=kind))
        for estimator in sorted(set(ESTIMATORS.names()) - _LISTED):
            yield self._result(estimator_title(estimator), self._run(estimator=estimator))

    def _run(self, **choice: Any) -> "RolloutAdvantages":
        rollouts = self._rollouts
        return compute_rollout_advantages(
            self._scores,
            self._groups,
            self._lengths,
            reward_weights=rollouts.weights,
            directions=rollouts.directions,
            **{"estimator": "gd2po", **choice},
        )

    def _result(self, name: str, result: "RolloutAdvantages", tau: float | None = None) -> MethodResult:
        sums = moments(self._rollouts, result.rollout_advantages.numpy(), result.kept.numpy(), self._references)
        figures = self._bootstrap.intervals(sums)
        rewards = self._rollouts.names
        return MethodResult(
            name=name,
            tau=tau,
            kept=figures["kept"],
            emptied=figures["emptied"],
            tokens_masked=figures["tokens_masked"],
            effective=figures["effective"],
            cosine_gdpo=figures["cosine GDPO"],
            cosine={reward: figures[f"cosine of {reward}"] for reward in rewards},
            share={reward: result.metrics[f"update/{reward}/share"] for reward in rewards},
        )
