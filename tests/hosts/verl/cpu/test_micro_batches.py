"""Rows of about one length share a micro-batch, and gradients stay those of verl's micro-batches."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from tensordict import TensorDict
from verl.utils import tensordict_utils as tu
from verl.workers.engine import utils

from gd2po.hosts.verl.cpu.micro_batches import by_length, wrap_prepare_micro_batches

STOCK = utils.prepare_micro_batches
OURS = wrap_prepare_micro_batches(STOCK)
LENGTHS = (5, 40, 7, 38, 6, 41, 5, 39)


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(50, 400))
def test_every_row_is_in_one_part_within_the_limit(lengths, limit):
    parts = by_length(lengths, limit)
    assert sorted(row for part in parts for row in part) == list(range(len(lengths)))
    assert all(len(part) * max(lengths[row] for row in part) <= limit for part in parts)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(50, 400))
def test_no_row_would_have_fitted_the_part_before(lengths, limit):
    parts = by_length(lengths, limit)
    for before, after in pairwise(parts):
        assert (len(before) + 1) * max(lengths[row] for row in before) > limit
        assert min(lengths[row] for row in before) >= max(lengths[row] for row in after)


def batch(lengths=LENGTHS, **options):
    rows = [torch.randint(0, 256, (length,), generator=torch.Generator().manual_seed(length)) for length in lengths]
    ids = torch.nested.as_nested_tensor(rows, layout=torch.jagged)
    data = TensorDict({"input_ids": ids, "number": torch.arange(len(rows))}, batch_size=[len(rows)])
    settings = {"use_remove_padding": False, "use_dynamic_bsz": True, "max_token_len_per_gpu": 100} | options
    tu.assign_non_tensor(data, **settings)
    return data


def padded(micro_batch):
    lengths = micro_batch["input_ids"].offsets().diff()
    return len(lengths) * int(lengths.max())


def test_micro_batches_hold_little_padding_and_their_indices_lead_back():
    micro_batches, indices = OURS(data=batch())
    assert (
        [micro_batch["number"].tolist() for micro_batch in micro_batches] == indices == [[5, 1], [7, 3], [2, 4, 0, 6]]
    )
    stock, _ = STOCK(data=batch())
    assert sum(map(padded, micro_batches)) < 0.7 * sum(map(padded, stock))
    assert max(map(padded, micro_batches)) <= 100 < max(map(padded, stock))


def test_gradients_are_those_of_verls_micro_batches(build_model):
    gradients = []
    for function in (STOCK, OURS):
        model = build_model(0)
        for micro_batch in function(data=batch())[0]:
            lengths = micro_batch["input_ids"].offsets().diff()
            ids = micro_batch["input_ids"].to_padded_tensor(0)
            mask = torch.arange(ids.shape[1]) < lengths[:, None]
            log_probs = model(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
            taken = log_probs.gather(-1, ids[:, 1:, None]).squeeze(-1) * mask[:, 1:]
            (taken.sum(1) * (micro_batch["number"] - 3.5)).sum().backward()  # an advantage of each row
        gradients.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[0].norm()


@pytest.mark.parametrize(
    "options", [{"use_remove_padding": True}, {"use_dynamic_bsz": False, "micro_batch_size_per_gpu": 4}], ids=str
)
def test_what_is_not_padded_or_not_dynamic_is_left_to_verl(options):
    expected, actual = (function(data=batch(**options)) for function in (STOCK, OURS))
    assert actual[1] == expected[1]
    assert [part["number"].tolist() for part in actual[0]] == [part["number"].tolist() for part in expected[0]]


def test_several_processes_are_left_to_verl(monkeypatch):
    calls = []
    ours = wrap_prepare_micro_batches(lambda **arguments: calls.append(arguments))
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group: 2)
    group = SimpleNamespace()
    ours(data=batch(), dp_group=group, same_micro_num_in_dp=True)
    assert [call["dp_group"] for call in calls] == [group]


def test_a_row_beyond_the_limit_gets_verls_message():
    with pytest.raises(AssertionError, match="max_token_len must be greater than the sequence length"):
        OURS(data=batch(max_token_len_per_gpu=30))
