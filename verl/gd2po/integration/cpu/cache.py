"""The key-value cache of a batch whose rows come and go. Rows are padded on the left, so they end together."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache


@dataclass
class Rows:
    """Keys and values [B, heads, T, d] per layer, and which of the T places each row really has, `mask` [B, T]."""

    cache: DynamicCache
    mask: Tensor

    def __len__(self) -> int:
        return self.mask.shape[0]

    @property
    def layers(self) -> Any:
        """Objects with tensors `keys` and `values`."""
        return self.cache.layers

    @property
    def lengths(self) -> Tensor:
        """Tokens of each row, padding not counted [B]."""
        return self.mask.sum(-1)

    def select(self, index: Tensor) -> "Rows":
        """These rows in this order (repeats allowed), without the places that none of them has."""
        mask = self.mask[index]
        start = mask.shape[1] - int(mask.sum(-1).max())
        for layer in self.layers:
            layer.keys = layer.keys[index, :, start:]
            layer.values = layer.values[index, :, start:]
        return Rows(self.cache, mask[:, start:])

    def join(self, other: "Rows") -> "Rows":
        """The rows of both, in one cache."""
        width = max(self.mask.shape[1], other.mask.shape[1])
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.keys = torch.cat([_widen(mine.keys, width), _widen(theirs.keys, width)])
            mine.values = torch.cat([_widen(mine.values, width), _widen(theirs.values, width)])
        masks = [pad(rows.mask, (width - rows.mask.shape[1], 0)) for rows in (self, other)]
        return Rows(self.cache, torch.cat(masks))


def _widen(states: Tensor, width: int) -> Tensor:
    return pad(states, (0, 0, width - states.shape[2], 0))
