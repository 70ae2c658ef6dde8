"""A sample from the beginning, the middle and the end of a file of unknown length."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

BLOCK_ROWS, BLOCK_BYTES = 64, 1 << 16
HEAD_BLOCKS, MIDDLE_BLOCKS, TAIL_BLOCKS = 16, 16, 8

_Item = TypeVar("_Item")


def spread(items: Iterable[_Item], size: Callable[[_Item], int]) -> list[_Item]:
    """The first rows, the last rows, and blocks of neighbours evenly from between, in their order.

    Args:
        items: All rows.
        size: The size of a row in bytes or characters, by which the sample stays small.
    """
    blocks = enumerate(_blocks(items, size))
    head, middle, stride = {}, {}, 1
    tail: deque[tuple[int, list[_Item]]] = deque(maxlen=TAIL_BLOCKS)
    for number, block in blocks:
        if number < HEAD_BLOCKS:
            head[number] = block
            continue
        tail.append((number, block))
        if number % stride == 0:
            middle[number] = block
            if len(middle) > MIDDLE_BLOCKS:
                stride *= 2
                middle = {number: block for number, block in middle.items() if number % stride == 0}
    chosen = head | middle | dict(tail)
    return [item for number in sorted(chosen) for item in chosen[number]]


def _blocks(items: Iterable[_Item], size: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    block: list[_Item] = []
    weight = 0
    for item in items:
        block.append(item)
        weight += size(item)
        if len(block) >= BLOCK_ROWS or weight >= BLOCK_BYTES:
            yield block
            block, weight = [], 0
    if block:
        yield block
