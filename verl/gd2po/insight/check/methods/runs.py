"""Every method on the same rollouts, by the very functions that train with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gd2po.advantages  # noqa: F401  (registers the methods of the papers)
from gd2po.advantages.batch import Batch, assemble
from gd2po.advantages.metrics import batch_metrics, update_figures
from gd2po.advantages.outputs import Estimate
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
from gd2po.insight.check.methods.bootstrap import Bootstrap, Resampled
from gd2po.insight.check.methods.moments import moments, ratio
from gd2po.insight.check.rollouts import Numbers, Rollouts
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


class Methods:
    """Runs methods on N rollouts.

    Attributes:
        metrics: The metrics of GDPO, with which the others are compared.
        conflict: Whether the votes of each rollout have both signs [N] bool.
        normalised: Reward → group-relative advantage [N], direction applied.
    """

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        self._bootstrap = Bootstrap(rollouts.group_count)
        self._scores = dict(zip(rollouts.names, torch.from_numpy(rollouts.scores), strict=True))
        self._groups = torch.from_numpy(rollouts.groups)
        self._lengths = torch.from_numpy(rollouts.lengths)
        self._batch = self._assemble(DEFAULT_NORMALISER)
        gdpo = ESTIMATORS.choose("gdpo")(self._batch)
        self.metrics, self.conflict = batch_metrics(self._batch, gdpo), self._batch.votes.conflict.numpy()
        self.normalised = dict(zip(rollouts.names, _plain(self._batch.normalised.advantages), strict=True))
        self._references = {"GDPO": _plain(gdpo.advantages)} | {
            # A weight below 0 turns the reward's own update round as well.
            f"of {name}": values if rollouts.weights[name] >= 0 else -values
            for name, values in self.normalised.items()
        }
        self._unfiltered = self._figures(gdpo)

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

    def _assemble(self, normalise: Any) -> Batch:
        rollouts = self._rollouts
        return assemble(
            self._scores,
            self._groups,
            self._lengths,
            reward_weights=rollouts.weights,
            directions=rollouts.directions,
            missing="drop",
            valid=None,
            normaliser=normaliser(normalise),
        )

    def _filtered(self, name: str, choice: Block, tau: float | None = None) -> MethodResult:
        return self._result(name, {"estimator": "gd2po", "filter": choice}, tau)

    def _result(self, name: str, settings: Block, tau: float | None = None) -> MethodResult:
        batch = self._assemble(settings["normalise"]) if "normalise" in settings else self._batch
        result = _estimator(settings)(batch)
        figures, update = self._figures(result), update_figures(batch, result)
        rewards = self._rollouts.names
        filters = "filter" in settings
        gains = {reward: figures[f"gain of {reward}"].interval() for reward in rewards}
        before = {reward: self._unfiltered[f"gain of {reward}"].interval() for reward in rewards}
        certainties = {
            reward: figures[key].minus(self._unfiltered[key]).interval()
            for reward in rewards
            for key in (f"certainty of {reward}",)
        }
        voting = [reward for reward in rewards if self._rollouts.weights[reward]]
        return MethodResult(
            name=name,
            tau=tau,
            kept=figures["kept"].interval(),
            emptied=figures["emptied"].interval(),
            tokens_masked=figures["tokens_masked"].interval(),
            effective=figures["effective"].interval(),
            cosine_gdpo=figures["cosine GDPO"].interval(),
            cosine={reward: figures[f"cosine of {reward}"].interval() for reward in rewards},
            share={reward: float(update[f"update/{reward}/share"]) for reward in rewards},
            gain=gains,
            lost=self._lost(figures).interval(),
            turned=tuple(reward for reward in voting if before[reward].high < 0 < gains[reward].value),
            steadier=tuple(reward for reward in voting if certainties[reward].low > 0 and gains[reward].value > 0),
            lowered=tuple(reward for reward in voting if before[reward].value > 0 > gains[reward].value),
            filters=filters,
            settings=settings,
        )

    def _figures(self, result: Estimate) -> dict[str, Resampled]:
        advantages = _plain(result.advantages)
        return self._bootstrap.resample(moments(self._rollouts, advantages, result.kept.numpy(), self._references))

    def _lost(self, figures: Mapping[str, Resampled]) -> Resampled:
        """The share of the summed gain of GDPO that a method does not have; NaN where GDPO has none."""
        sums = [self._summed(part) for part in (figures, self._unfiltered)]
        value, drawn = (1 - ratio(*(getattr(summed, name) for summed in sums)) for name in ("value", "drawn"))
        return Resampled(float(value), drawn)

    def _summed(self, figures: Mapping[str, Resampled]) -> Resampled:
        """Σ |w_k| c_k: the weights' signs are in the gains."""
        gains = [(abs(weight), figures[f"gain of {name}"]) for name, weight in self._rollouts.weights.items() if weight]
        value = sum(weight * _or_zero(gain.value) for weight, gain in gains)
        drawn = np.sum([weight * np.nan_to_num(gain.drawn) for weight, gain in gains], axis=0)
        return Resampled(float(value), np.where(np.isnan(gains[0][1].drawn), np.nan, drawn))


def _fits(settings: Block) -> bool:
    """Whether a normaliser and an estimator can be used together on this machine."""
    return contradiction(normaliser(settings.get("normalise", DEFAULT_NORMALISER)), _estimator(settings)) is None


def _estimator(settings: Block) -> ChosenMethod[Estimator]:
    options = {name: value for name, value in settings.items() if name not in ("estimator", "normalise")}
    return ESTIMATORS.configure(settings["estimator"], options)


def _plain(values: Tensor) -> Numbers:
    """In float32, as the trainer gets them."""
    return values.to(torch.float32).numpy()


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value
