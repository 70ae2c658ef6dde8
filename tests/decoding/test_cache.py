"""Every row keeps its own keys and values, whatever joins, grows or leaves beside it."""

import random

import pytest
import torch
from transformers import DynamicCache

from gd2po.decoding.cache import Rows

HEADS, SIZE, LAYERS = 2, 3, 2


def states(rows, length, generator):
    """Keys and values of each layer."""
    return [torch.randn(2, rows, HEADS, length, SIZE, generator=generator) for _ in range(LAYERS)]


def join(rows, known, lengths, index, generator):
    """Prompts of these lengths, padded on the left; `known` holds the keys and values of each row, without padding."""
    prompts, width = states(len(lengths), max(lengths), generator), max(lengths)
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(prompts):
        cache.update(keys, values, layer)
    rows.join(cache, lengths, index)
    known += [[layer[:, row, :, width - lengths[row] :] for layer in prompts] for row in index]


def grow(rows, known, generator):
    """One token of every row; checks all that is read back."""
    rows.begin_token()
    for layer, (keys, values) in enumerate(states(len(known), 1, generator)):
        stored = torch.stack(rows.update(keys, values, layer))
        for row, each in enumerate(known):
            each[layer] = torch.cat([each[layer], torch.stack([keys[row], values[row]])], dim=2)
            torch.testing.assert_close(stored[:, row, :, rows.mask[row]], each[layer])
    assert rows.lengths.tolist() == [each[0].shape[2] for each in known]
    assert rows.mask.shape[1] == max(rows.lengths) == rows.get_mask_sizes(1, 0)[0] == rows.get_seq_length() + 1


@pytest.mark.parametrize("seed", range(4))
def test_rows_come_grow_and_go(seed):
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    rows, known = Rows(), []
    for _ in range(12):
        lengths = [chance.randint(1, 30) for _ in range(chance.randint(1, 3))]
        join(rows, known, lengths, chance.choices(range(len(lengths)), k=4), generator)
        for _ in range(chance.randint(1, 20)):
            grow(rows, known, generator)
        gone = sorted(chance.sample(range(len(known)), k=chance.randint(0, len(known) - 1)))
        known = [known[row] for row in rows.drop(gone)]
        assert len(rows) == len(known)


def test_a_token_is_written_in_place():
    generator, rows, known = torch.Generator().manual_seed(0), Rows(), []
    join(rows, known, [5, 3], [0, 1], generator)
    before = {rows.update(*token, 0)[0].data_ptr() for token in begun(rows, 50, generator)}
    assert len(before) == 1


def begun(rows, count, generator):
    """Tokens of the first layer, each begun before it is given."""
    for _ in range(count):
        rows.begin_token()
        yield states(len(rows), 1, generator)[0]


def test_a_joining_row_does_not_move_the_others_while_there_is_room():
    generator, rows, known = torch.Generator().manual_seed(0), Rows(), []
    for _ in range(3):  # memory for rows doubles: 2, 4, 6 of 8
        join(rows, known, [5], [0, 0], generator)
        grow(rows, known, generator)
    address = rows.update(*next(begun(rows, 1, generator)), 0)[0].data_ptr()
    join(rows, known, [5], [0, 0], generator)
    assert rows.update(*next(begun(rows, 1, generator)), 0)[0].data_ptr() == address
