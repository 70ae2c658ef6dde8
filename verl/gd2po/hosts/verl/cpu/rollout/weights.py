"""Weights on their way from a trainer process to a rollout server, through Ray's shared memory."""

from collections.abc import AsyncIterator, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Packed = tuple[str, torch.dtype, tuple[int, ...], NDArray[np.uint8]]


def pack(name: str, tensor: Tensor) -> Packed:
    """Name, type, shape and bytes: Ray passes NumPy arrays without copying, and NumPy has no bfloat16."""
    flat = tensor.detach().contiguous().view(-1)
    return name, tensor.dtype, tuple(tensor.shape), flat.view(torch.uint8).numpy()


def unpack(packed: Packed) -> tuple[str, Tensor]:
    """The inverse of `pack`, in memory of its own."""
    name, dtype, shape, data = packed
    return name, torch.from_numpy(data.copy()).view(dtype).view(shape)


async def buckets(weights: AsyncIterator[tuple[str, Tensor]], max_bytes: int) -> AsyncIterator[list[Packed]]:
    """Group weights into lists of at most `max_bytes` (a larger tensor travels alone)."""
    bucket: list[Packed] = []
    size = 0
    async for name, tensor in weights:
        if bucket and size + tensor.nbytes > max_bytes:
            yield bucket
            bucket, size = [], 0
        bucket.append(pack(name, tensor))
        size += tensor.nbytes
    if bucket:
        yield bucket


class WeightLoader:
    """Copies named weights into a model and checks at the end that all have arrived."""

    def __init__(self, model: nn.Module) -> None:
        self._targets = model.state_dict()
        self._missing = {tensor.data_ptr(): name for name, tensor in self._targets.items()}  # tied weights count once

    @torch.no_grad()
    def load(self, bucket: Iterable[Packed]) -> None:
        """Overwrite the weights named in `bucket`."""
        for packed in bucket:
            name, tensor = unpack(packed)
            target = self._targets.get(name)
            if target is None or target.shape != tensor.shape:
                actual = "no weight of that name" if target is None else f"shape {tuple(target.shape)}"
                raise ValueError(
                    f"weight {name!r} of shape {tuple(tensor.shape)} does not fit the rollout's model: {actual}; "
                    "trainer and rollout must load the same actor_rollout_ref.model (mixtures of experts and "
                    "unmerged LoRA adapters need rollout.name=vllm)"
                )
            target.copy_(tensor)
            self._missing.pop(target.data_ptr(), None)

    def finish(self) -> None:
        """Refuse a partial update."""
        if self._missing:
            names = sorted(self._missing.values())
            raise ValueError(f"{len(names)} weights never came from the trainer, the first: {names[:3]}")
