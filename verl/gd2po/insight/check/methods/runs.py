"""Every method on the same rollouts, by the very functions that train with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gd2po.advantages  # noqa: F401  (registers the methods of the papers)
from gd2po.advantages.batch import Batch, assemble
from gd2po.advantages.metrics import batch_metrics, term_sizes
from gd2po.advantages.registry import (
    COMBINATIONS,
    DEFAULT_COMBINATION,
    DEFAULT_NORMALISER,
    ESTIMATORS,
    FILTERS,
    NORMALISERS,
    Estimator,
    contradiction,
    normaliser,
)
from gd2po.advantages.votes import SIGN_EPS
from gd2po.insight.check.methods.bootstrap import Bootstrap, Resampled
from gd2po.insight.check.methods.moments import moments, ratio
from gd2po.insight.check.rollouts import Codes, Numbers, Rollouts
from gd2po.intervals import Interval
from gd2po.method_names import estimator_title, filter_title
from gd2po.registry import ChosenMethod

GRPO, GDPO, HARD = "GRPO", "GDPO", "Hard"
_LISTED = {"grpo", "gdpo", "gd2po", "none", "hard", "snr"}
"""Methods with rows of their own, and no filter, which is GDPO."""

Block = Mapping[str, Any]
"""Settings under ``algorithm.gd2po``, with the name of the estimator as ``estimator``."""


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
        gain: Reward → its gain, the c_k of :mod:`gd2po.advantages.gains` for the rewards as GDPO normalises them; of a
            negative weight with the other sign, so that above 0 is always what the weights ask for.
        lost: The share of GDPO's summed gain, Σ w_k c_k, that the method gives up; below 0 where it gains more.
        turned: The rewards whose gain is negative under GDPO, beyond its interval, and positive here.
        steadier: The rewards of positive gain whose gain over its standard error is larger here than under GDPO, beyond
            the interval of the difference.
        lowered: The rewards whose gain is positive under GDPO and negative here.
        filters: Whether the method is a conflict filter on GDPO.
        settings: The settings that choose the method.
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
    gain: dict[str, Interval]
    lost: Interval
    turned: tuple[str, ...]
    steadier: tuple[str, ...]
    lowered: tuple[str, ...]
    filters: bool
    settings: Block = field(default_factory=dict)

    @property
    def justified(self) -> bool:
        """Whether it is a filter that mends a gain on these rollouts, and turns none negative."""
        return self.filters and bool(self.turned or self.steadier) and not self.lowered


def snr_name(tau: float) -> str:
    """Name of the SNR filter at a threshold."""
    return f"SNR {tau:g}"


_SUM = "of the sum"
"""The name of what every method is compared with to tell how much of the summed gain it gives up."""

Batches = list[tuple[Codes, Batch]]
"""The rows of each batch and the batch itself: all rollouts, or, where weights moved, those of equal weights."""


@dataclass(frozen=True)
class Outcome:
    """What an estimator returns for all rollouts.

    Attributes:
        advantages: The advantages [N], in float32 as the trainer gets them.
        kept: The rollouts that are kept [N] bool.
        sizes: Σ |terms| of each reward over kept rollouts [K].
    """

    advantages: Numbers
    kept: np.ndarray
    sizes: Numbers


class Methods:
    """Runs methods on N rollouts.

    Attributes:
        normalised: Reward → group-relative advantage [N], direction applied.
        votes: The weighted group-relative advantages [K, N].
        conflict: Whether the votes of each rollout have both signs [N] bool.
        metrics: The metrics of GDPO of all rollouts; those that depend on weights only where these did not move.
    """

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        self._bootstrap = Bootstrap(rollouts.group_count)
        self._scores = torch.from_numpy(rollouts.scores)
        self._groups = torch.from_numpy(rollouts.groups)
        self._lengths = torch.from_numpy(rollouts.lengths)
        whole = self._assemble(DEFAULT_NORMALISER, np.arange(rollouts.count), rollouts.weights)
        gdpo = ESTIMATORS.choose("gdpo")
        self.metrics = batch_metrics(whole, gdpo(whole))
        self.normalised = dict(zip(rollouts.names, _plain(whole.normalised.advantages), strict=True))
        self.votes = rollouts.row_weights * whole.normalised.advantages.numpy()
        self.conflict = (self.votes > SIGN_EPS).any(0) & (self.votes < -SIGN_EPS).any(0)
        moved = rollouts.moved_weights is not None
        self._batches = self._all_batches(DEFAULT_NORMALISER) if moved else [(np.arange(rollouts.count), whole)]
        unfiltered = _outcome(gdpo, self._batches)
        self._references = {
            "GDPO": unfiltered.advantages,
            _SUM: self.votes.sum(0).astype(np.float32),
        } | {
            # A weight below 0 turns the reward's own update round as well.
            f"of {name}": np.where(weights >= 0, values, -values)
            for (name, values), weights in zip(self.normalised.items(), rollouts.row_weights, strict=True)
        }
        self._unfiltered = self._figures(unfiltered)

    def results(self, taus: tuple[float, ...]) -> Iterator[MethodResult]:
        """GRPO, GDPO, SNR at each threshold in ascending order, Hard; then every other method that is registered.

        A filter is tried in GD²PO, a normaliser and a combination in GDPO; they and the estimators have the defaults of
        their options. What needs a package that is not installed is left out.
        """
        yield self._result(GRPO, {"estimator": "grpo"})
        yield self._result(GDPO, {"estimator": "gdpo"})
        for tau in sorted(set(taus)):
            yield self._filtered(snr_name(tau), {"kind": "snr", "threshold": tau}, tau)
        yield self._filtered(HARD, {"kind": "hard"})
        for kind in sorted(set(FILTERS.names()) - _LISTED):
            choice = FILTERS.choose(kind)
            yield self._filtered(filter_title(kind, choice.plain_options()), choice.plain())
        for part, registry, usual in (
            ("normalise", NORMALISERS, DEFAULT_NORMALISER),
            ("combine", COMBINATIONS, DEFAULT_COMBINATION),
        ):
            for kind in sorted(set(registry.names()) - {usual}):
                settings = {"estimator": "gdpo", part: registry.choose(kind).plain()}
                if _fits(settings):
                    title = filter_title(kind, registry.choose(kind).plain_options())
                    yield self._result(f"{GDPO}, {title}", settings)
        for estimator in sorted(set(ESTIMATORS.names()) - _LISTED):
            yield self._result(estimator_title(estimator), {"estimator": estimator})

    def _all_batches(self, normalise: Any) -> Batches:
        names, batches = self._rollouts.names, []
        for rows in self._rollouts.batches():
            weights = dict(zip(names, self._rollouts.row_weights[:, rows[0]].tolist(), strict=True))
            batches.append((rows, self._assemble(normalise, rows, weights)))
        return batches

    def _assemble(self, normalise: Any, rows: Codes, weights: Mapping[str, float]) -> Batch:
        return assemble(
            dict(zip(self._rollouts.names, self._scores[:, rows], strict=True)),
            self._groups[rows],
            self._lengths[rows],
            reward_weights=weights,
            directions=self._rollouts.directions,
            missing="drop",
            valid=None,
            normaliser=normaliser(normalise),
        )

    def _filtered(self, name: str, choice: Block, tau: float | None = None) -> MethodResult:
        return self._result(name, {"estimator": "gd2po", "filter": choice}, tau)

    def _result(self, name: str, settings: Block, tau: float | None = None) -> MethodResult:
        batches = self._all_batches(settings["normalise"]) if "normalise" in settings else self._batches
        outcome = _outcome(_estimator(settings), batches)
        figures, rewards = self._figures(outcome), self._rollouts.names
        shares = outcome.sizes / (outcome.sizes.sum() or np.inf)
        filters = "filter" in settings
        gains = {reward: figures[f"gain of {reward}"].interval() for reward in rewards}
        before = {reward: self._unfiltered[f"gain of {reward}"].interval() for reward in rewards}
        certainties = {
            reward: figures[key].minus(self._unfiltered[key]).interval()
            for reward in rewards
            for key in (f"certainty of {reward}",)
        }
        voting = [name for name, weights in zip(rewards, self._rollouts.row_weights, strict=True) if weights.any()]
        return MethodResult(
            name=name,
            tau=tau,
            kept=figures["kept"].interval(),
            emptied=figures["emptied"].interval(),
            tokens_masked=figures["tokens_masked"].interval(),
            effective=figures["effective"].interval(),
            cosine_gdpo=figures["cosine GDPO"].interval(),
            cosine={reward: figures[f"cosine of {reward}"].interval() for reward in rewards},
            share=dict(zip(rewards, shares.tolist(), strict=True)),
            gain=gains,
            lost=self._lost(figures).interval(),
            turned=tuple(reward for reward in voting if before[reward].high < 0 < gains[reward].value),
            steadier=tuple(reward for reward in voting if certainties[reward].low > 0 and gains[reward].value > 0),
            lowered=tuple(reward for reward in voting if before[reward].value > 0 > gains[reward].value),
            filters=filters,
            settings=settings,
        )

    def _figures(self, outcome: Outcome) -> dict[str, Resampled]:
        sums = moments(self._rollouts, outcome.advantages, outcome.kept, self._references)
        return self._bootstrap.resample(sums)

    def _lost(self, figures: Mapping[str, Resampled]) -> Resampled:
        """The share of the summed gain of GDPO that a method does not have; NaN where GDPO has none."""
        used, unfiltered = (part[f"gain {_SUM}"] for part in (figures, self._unfiltered))
        value = 1 - ratio(np.nan_to_num(used.value), np.nan_to_num(unfiltered.value))
        return Resampled(float(value), 1 - ratio(used.drawn, unfiltered.drawn))


def _outcome(estimator: ChosenMethod[Estimator], batches: Batches) -> Outcome:
    """Run an estimator on each batch by itself."""
    count = sum(len(rows) for rows, _ in batches)
    advantages: Any = np.zeros(count, dtype=np.float32)
    kept = np.zeros(count, dtype=bool)
    sizes = np.zeros(len(batches[0][1].names))
    for rows, batch in batches:
        estimate = estimator(batch)
        advantages[rows], kept[rows] = _plain(estimate.advantages), estimate.kept.numpy()
        sizes += term_sizes(batch, estimate).numpy()
    return Outcome(advantages, kept, sizes)


def _fits(settings: Block) -> bool:
    """Whether a normaliser and an estimator can be used together on this machine."""
    return contradiction(normaliser(settings.get("normalise", DEFAULT_NORMALISER)), _estimator(settings)) is None


def _estimator(settings: Block) -> ChosenMethod[Estimator]:
    options = {name: value for name, value in settings.items() if name not in ("estimator", "normalise")}
    return ESTIMATORS.configure(settings["estimator"], options)


def _plain(values: Tensor) -> Numbers:
    """In float32, as the trainer gets them."""
    return values.to(torch.float32).numpy()
