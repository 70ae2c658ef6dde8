"""The key-value cache of a batch whose rows come and go, in memory with room for more rows and tokens."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

_ROOM = 64
"""Places for new tokens in fresh memory: everything is copied once in so many tokens, not at every token."""


class Rows(Cache):
    """Keys and values of rows that are padded on the left, so that they end together.

    Of buffers [R, heads, C, d], two per layer, the rows are in [:n] and the places in [start:end].
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self._buffers: list[Tensor] = []
        self._start = self._end = 0
        self.lengths = torch.zeros(0, dtype=torch.long)
        """Tokens of each row, padding not counted [n]."""

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def _width(self) -> int:
        return self._end - self._start

    @property
    def mask(self) -> Tensor:
        """Which of the places each row really has [n, T]."""
        width = self._width
        return torch.arange(width) >= width - self.lengths.unsqueeze(-1)

    def begin_token(self) -> None:
        """Begin a token of every row; `update` then writes its keys and values."""
        self._reserve(len(self), self._width, tokens=1)
        self._end += 1
        self.lengths += 1

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_args: Any, **_options: Any) -> Any:
        """Write the begun token of one layer [n, heads, 1, d]; returns all its keys and values [n, heads, T, d]."""
        buffers = self._buffers[2 * layer_idx : 2 * layer_idx + 2]
        for buffer, states in zip(buffers, (key_states, value_states), strict=True):
            buffer[: len(self), :, self._end - 1 : self._end] = states
        return tuple(buffer[: len(self), :, self._start : self._end] for buffer in buffers)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Places before the begun token."""
        return self._width - 1

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """T, and where the first place is in the mask."""
        return self._width, 0

    def join(self, prompts: DynamicCache, lengths: Sequence[int], index: Sequence[int]) -> None:
        """Add one row per entry of `index`, a copy of that row of `prompts`, whose rows have `lengths`."""
        layers: Any = prompts.layers
        states: list[Tensor] = [each for layer in layers for each in (layer.keys, layer.values)]
        if not self._buffers:
            self._buffers = [each.new_zeros(0, each.shape[1], 0, each.shape[3]) for each in states]
        first, width = len(self), max(lengths)
        self._reserve(first + len(index), max(width, self._width))
        for buffer, each in zip(self._buffers, states, strict=True):
            buffer[first : first + len(index), :, self._end - width : self._end] = each[index]
        self.lengths = torch.cat([self.lengths, torch.tensor(lengths)[index]])
        self._trim()

    def drop(self, gone: Sequence[int]) -> list[int]:
        """Forget these rows, not all, and move the last ones to their places; returns where each row was before."""
        count = len(self) - len(gone)
        holes = [row for row in gone if row < count]
        movers = sorted(set(range(count, len(self))).difference(gone))
        for buffer in self._buffers:
            buffer[holes, :, self._start : self._end] = buffer[movers, :, self._start : self._end]
        order = torch.arange(count)
        order[holes] = torch.tensor(movers, dtype=torch.long)
        self.lengths = self.lengths[order]
        self._trim()
        return order.tolist()

    def _trim(self) -> None:
        self._start = self._end - int(self.lengths.max())

    def _reserve(self, rows: int, width: int, tokens: int = 0) -> None:
        """Have memory for so many rows, of so many places up to the end, and for so many tokens after it."""
        size, _, capacity, _ = self._buffers[0].shape
        if rows <= size and width <= self._end and self._end + tokens <= capacity:
            return
        size = rows if rows <= size else max(rows, 2 * size)
        for number, old in enumerate(self._buffers):
            new = old.new_zeros(size, old.shape[1], width + _ROOM, old.shape[3])
            new[: len(self), :, width - self._width : width] = old[: len(self), :, self._start : self._end]
            self._buffers[number] = new
        self._start, self._end = width - self._width, width
