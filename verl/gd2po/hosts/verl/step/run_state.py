"""Advantages of the running batch, from the moment they are known: other parts of the step need them too."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

_ATTRIBUTE = "_gd2po_estimated"


@dataclass(frozen=True)
class Estimated:
    """Advantages of a batch, kept on the trainer from the moment they are known until the next batch.

    Attributes:
        keys: [N] TransferQueue keys of the batch.
        advantages: [N] one for each row.
        forwarded: rows whose old log-probabilities the actor computed; None for all.
    """

    keys: list[str]
    advantages: Tensor
    forwarded: Tensor | None = None


def keep(trainer: Any, estimated: Estimated) -> Estimated:
    """Until the next batch."""
    trainer.__dict__[_ATTRIBUTE] = estimated
    return estimated


def estimated_of(trainer: Any, keys: list[str]) -> Estimated | None:
    """What is known of this batch so far."""
    known: Estimated | None = trainer.__dict__.get(_ATTRIBUTE)
    return known if known is not None and known.keys == keys else None
