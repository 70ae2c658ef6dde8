"""Heads that share keys attend as in transformers' own `sdpa`, without a copy of the cache."""

import copy

import pytest
import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from gd2po.decoding.attention import NAME, attend, use_shared_heads

ROWS, WIDTH, SIZE = 3, 11, 8


@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize(("heads", "shared"), [(6, 2), (4, 1), (3, 3)])
@pytest.mark.parametrize("masked", [True, False])
def test_equals_sdpa_of_transformers(length, heads, shared, masked):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(ROWS, heads, length, SIZE, generator=generator)
    key, value = torch.randn(2, ROWS, shared, WIDTH, SIZE, generator=generator)
    mask = torch.rand(ROWS, 1, length, WIDTH, generator=generator) > 0.4 if masked else None
    module = nn.Module()
    module.num_key_value_groups = heads // shared
    expected, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    output, _ = attend(module, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("implementation", "expected"), [("sdpa", NAME), ("eager", "eager")])
def test_only_sdpa_is_replaced(build_model, implementation, expected):
    model = copy.deepcopy(build_model(0))
    model.set_attn_implementation(implementation)
    use_shared_heads(model)
    assert model.config._attn_implementation == expected
