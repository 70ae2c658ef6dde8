"""Batch whitening: the last step of GDPO and GD²PO."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.defaults import Whiten

WHITEN_EPS = 1e-8
"""Added to the population size in whitening means and to the variance, as in verl's `masked_whiten`."""

NOISE_FLOOR = 1e-12
"""Kept values that differ by at most this share of the votes' magnitude are equal: float64 rounding is not whitened."""


@dataclass(frozen=True)
class Whitened:
    """Advantages [N] float64, and what was subtracted and divided by (0-d; population 0 if nothing was whitened)."""

    advantages: Tensor
    population: Tensor
    mean: Tensor
    std: Tensor


def whiten(values: Tensor, kept: Tensor, batch: Batch, unit: Whiten) -> Whitened:
    """Bring kept values to zero mean and unit variance; 0 for the others (GDPO, arXiv 2601.05242).

        mean = Σ n_i x_i / (n + 1e-8),   var = Σ n_i (x_i − mean)² / (n + 1e-8) · n / (n − 1),   n = Σ n_i
        y_i = (x_i − mean) / sqrt(var + 1e-8)

    with n_i the response length (`tokens`, as published: long answers weigh more) or 1 (`rollouts`), over kept rollouts
    with at least one token. `none` returns the kept values as they are. If the population is empty, or its
    values are equal up to float64 rounding (as one token always is), the result is all 0 rather than amplified noise.

    Args:
        values: one value per rollout [N] float64, finite.
        kept: which rollouts enter [N] bool.
        batch: gives the response lengths, and the votes' magnitude as the scale of rounding errors.
        unit: `tokens`, `rollouts` or `none`.
    """
    if unit == "none":
        nothing = values.new_zeros(())
        return Whitened(torch.where(kept, values, 0.0), nothing, nothing, nothing)
    counted = kept & (batch.lengths > 0)
    size = torch.where(counted, batch.lengths if unit == "tokens" else 1.0, 0.0)
    population = size.sum()
    mean = (size * values).sum() / (population + WHITEN_EPS)
    if population == 0 or _all_equal(values[counted], batch.votes.magnitude[counted]):
        return Whitened(torch.zeros_like(values), population, mean, torch.zeros_like(mean))
    variance = (size * (values - mean).square()).sum() / (population + WHITEN_EPS) * population / (population - 1)
    whitened = (values - mean) * torch.rsqrt(variance + WHITEN_EPS)
    return Whitened(torch.where(kept, whitened, 0.0), population, mean, variance.sqrt())


def _all_equal(values: Tensor, magnitude: Tensor) -> bool:
    return bool(values.max() - values.min() <= NOISE_FLOOR * magnitude.max())
