"""Micro-batches of rows of about one length.

verl's engine without packed sequences pads each micro-batch to its longest row, but fills micro-batches by the number
of tokens without padding, long and short rows mixed: of a language model's answers, 10 to 80 tokens each, it computes
1.7 times as many tokens as there are. Here rows stand by length, and padding counts within the limit of a micro-batch,
which then also bounds its memory. What was freed before a pass goes back to the system first. Gradients are the same
up to rounding: verl divides by the tokens of the mini-batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gd2po.hosts.verl.cpu.memory import give_back


def wrap_prepare_micro_batches(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``prepare_micro_batches`` as the FSDP engine calls it; several processes are left to verl's."""

    def prepare_micro_batches(data: Any, dp_group: Any = None, **options: Any) -> tuple[list[Any], list[list[int]]]:
        from verl.utils import tensordict_utils as tu

        give_back()
        if not _is_usual(data, dp_group):
            return original(data=data, dp_group=dp_group, **options)
        lengths = data["input_ids"].offsets().diff().tolist()
        limit = int(data["max_token_len_per_gpu"])
        if max(lengths) > limit:  # verl's message about it
            return original(data=data, dp_group=dp_group, **options)
        parts = by_length(lengths, limit)
        return [tu.index_select_tensor_dict(data, part) for part in parts], parts

    return prepare_micro_batches


def by_length(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Rows, the longest first, in as few parts as the limit allows.

    Args:
        lengths: The number of tokens of each row.
        limit: The most tokens of a part, padding included; at least the longest row.

    Returns:
        The numbers of the rows of each part; rows × longest row is within ``limit``.
    """
    parts: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if parts and (len(parts[-1]) + 1) * lengths[parts[-1][0]] <= limit:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def _is_usual(data: Any, dp_group: Any) -> bool:
    """Whether one process computes unpacked rows of any number in a micro-batch."""
    import torch
    from verl.utils import tensordict_utils as tu

    packed = tu.get_non_tensor_data(data, "use_remove_padding", default=True)
    dynamic = tu.get_non_tensor_data(data, "use_dynamic_bsz", default=True)
    grouped = tu.get_non_tensor_data(data, "force_group_size", default=1) != 1
    alone = dp_group is None or torch.distributed.get_world_size(dp_group) == 1
    return alone and dynamic and not (packed or grouped) and len(data) > 0 and data["input_ids"].is_nested
