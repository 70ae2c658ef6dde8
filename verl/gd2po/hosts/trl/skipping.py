"""Rows without an advantage cost nothing in the update: they are left out of each pass, where that is exact.

A row whose advantage is 0 adds exactly 0 to each of TRL's losses, but some of them divide by what is in the pass: the
rows, or their tokens. There the loss of the rows that are left is scaled by what was left out.

Every process makes the same number of passes with the same number of rows: where one has fewer rows with an advantage,
rows without one fill up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gd2po.hosts.contract import leaves_rows_out
from gd2po.settings import Settings

EXACT_LOSSES = ("dapo", "cispo", "vespo")
"""Losses that divide by the tokens of the whole generation batch, which are counted before rows are left out."""

ROW_LOSSES = ("grpo", "dr_grpo", "sapo", "luspo")
"""Losses that divide by the rows of a pass."""

TOKEN_LOSSES = ("bnpo",)
"""Losses that divide by the tokens of a pass."""

_ROW_TENSORS = {
    *("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "tool_mask", "advantages"),
    *("old_per_token_logps", "sampling_per_token_logps", "importance_sampling_ratio", "token_type_ids"),
}
"""Tensors of a pass with one row for each completion."""

_WHOLE = {"num_items_in_batch"}
"""What belongs to the generation batch and stays as it is."""


def why_inexact(trainer: Any) -> Iterator[str]:
    """What acts on rows without an advantage too, so that leaving them out would change the update.

    Args:
        trainer: TRL's trainer.
    """
    args = trainer.args
    if trainer.beta != 0:
        yield f"beta={trainer.beta:g} gives every token a gradient from the KL divergence"
    if args.entropy_coef != 0 or args.use_adaptive_entropy:
        yield "the entropy bonus acts on every token"
    if trainer.top_entropy_quantile < 1:
        yield f"top_entropy_quantile={trainer.top_entropy_quantile:g} compares the entropies of all tokens of a pass"
    if trainer.aux_loss_enabled:
        yield "the auxiliary loss of the router acts on every token"
    if trainer.loss_type not in (*EXACT_LOSSES, *ROW_LOSSES, *TOKEN_LOSSES):
        yield f"loss_type={trainer.loss_type} is not known"
    if args.use_liger_kernel and hasattr(trainer, "compute_liger_loss"):
        yield "use_liger_kernel computes the loss elsewhere"


def skips(trainer: Any, settings: Settings) -> bool:
    """Whether a run leaves out rows without an advantage.

    Raises:
        SettingsError: the settings insist on it, and it would change the update.
    """
    return leaves_rows_out(settings, list(why_inexact(trainer)))


@dataclass(frozen=True)
class ShortenedPass:
    """The rows of a pass that are computed.

    Attributes:
        inputs: The inputs of TRL's loss for these rows.
        factor: The factor of their loss that makes it the loss of the whole pass.
        rows_left_out: The share of the rows that are left out.
    """

    inputs: dict[str, Any]
    factor: Tensor | float
    rows_left_out: float


def shorten(inputs: Mapping[str, Any], loss_type: str, accelerator: Any) -> ShortenedPass | None:
    """Leave out rows without an advantage; None where all rows stay, as in passes with images.

    Args:
        inputs: The inputs of TRL's loss, each tensor with B rows.
        loss_type: The loss of the run.
        accelerator: The accelerator of the trainer, by which the processes agree on a number of rows.
    """
    if inputs.keys() - _ROW_TENSORS - _WHOLE:
        return None
    advantages = inputs["advantages"]
    informative = advantages != 0 if advantages.dim() == 1 else (advantages != 0).any(1)
    count = informative.sum().clamp(min=1)
    if accelerator.num_processes > 1:
        count = accelerator.gather(count).max()
    if int(count) == len(informative):
        return None
    mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
    lengths = mask.sum(1)
    preference = torch.where(informative, -1, lengths).argsort(stable=True)
    rows = preference[: int(count)].sort().values
    shortened = {
        name: value[rows] if name in _ROW_TENSORS and isinstance(value, Tensor) else value
        for name, value in inputs.items()
    }
    factor: Tensor | float = 1.0
    if loss_type in ROW_LOSSES:
        factor = len(rows) / len(informative)
    elif loss_type in TOKEN_LOSSES:
        factor = lengths[rows].sum().clamp(min=1) / lengths.sum().clamp(min=1)
    return ShortenedPass(shortened, factor, 1 - len(rows) / len(informative))
