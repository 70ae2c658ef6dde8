"""Attention on CPU equals transformers' own `sdpa`."""

import copy

import pytest
import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from gd2po import cpu_attention
from gd2po.cpu_attention import NAME, SHORT, attend, use_cpu_attention

ROWS, WIDTH, SIZE = 3, 11, 8


def projected(heads, shared, length, width=WIDTH):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(ROWS, heads, length, SIZE, generator=generator)
    key, value = torch.randn(2, ROWS, shared, width, SIZE, generator=generator)
    module = nn.Module()
    module.num_key_value_groups = heads // shared
    return module, query, key, value


@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize(("heads", "shared"), [(6, 2), (4, 1), (3, 3)])
@pytest.mark.parametrize("masked", [True, False])
def test_equals_sdpa_of_transformers(length, heads, shared, masked):
    module, query, key, value = projected(heads, shared, length)
    mask = torch.rand(ROWS, 1, length, WIDTH, generator=torch.Generator().manual_seed(1)) > 0.4 if masked else None
    expected, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    output, _ = attend(module, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)


def trained(function, module, tensors, mask, dtype):
    """The output, and the gradients of query, key and value, in a precision."""
    leaves = [tensor.bfloat16().to(dtype).requires_grad_() for tensor in tensors]
    output, _ = function(module, *leaves, mask, scaling=0.3)
    weights = torch.linspace(-1, 1, output.numel()).view(output.shape)
    (output.float() * weights).sum().backward()
    return [output.float(), *(leaf.grad.float() for leaf in leaves)]


def rows_with_padding(length):
    """A causal mask of rows of three lengths; no token of the padding is seen, but by itself."""
    places = torch.arange(length)
    real = places < torch.tensor([length, length - 2, length - 4])[:, None, None, None]
    return (places[:, None] >= places) & real | torch.eye(length, dtype=torch.bool)


@pytest.mark.parametrize(("heads", "shared"), [(6, 2), (4, 1), (3, 3)])
def test_short_rows_in_training_equal_float32_as_closely_as_sdpa_does(heads, shared):
    module, *tensors = projected(heads, shared, WIDTH)
    mask = rows_with_padding(WIDTH)
    exact = trained(sdpa_attention_forward, module, tensors, mask, torch.float32)
    stock = trained(sdpa_attention_forward, module, tensors, mask, torch.bfloat16)
    ours = trained(attend, module, tensors, mask, torch.bfloat16)
    for expected, theirs, output in zip(exact, stock, ours, strict=True):
        assert (output - expected).norm() < 1.5 * (theirs - expected).norm() + 1e-3 * expected.norm()


@pytest.mark.parametrize(
    ("length", "dtype", "masked", "dropout", "expected"),
    [
        (SHORT, torch.bfloat16, True, 0.0, True),
        (SHORT + 1, torch.bfloat16, True, 0.0, False),
        (SHORT, torch.float32, True, 0.0, False),
        (SHORT, torch.bfloat16, False, 0.0, False),
        (SHORT, torch.bfloat16, True, 0.1, False),
    ],
)
def test_products_are_for_short_rows_in_bfloat16_with_a_mask(monkeypatch, length, dtype, masked, dropout, expected):
    calls, products = [], cpu_attention._by_products
    monkeypatch.setattr(cpu_attention, "_by_products", lambda *given: calls.append(given) or products(*given))
    module, *tensors = projected(2, 1, length, length)
    mask = rows_with_padding(length) if masked else None
    query, key, value = (tensor.to(dtype).requires_grad_() for tensor in tensors)
    attend(module, query, key, value, mask, scaling=0.3, dropout=dropout)
    assert bool(calls) is expected
    with torch.no_grad():
        attend(module, query.detach(), key, value, mask, scaling=0.3)
    assert len(calls) == expected  # without gradients the fused kernel is faster


def test_autocast_decides_the_precision(monkeypatch):
    calls, products = [], cpu_attention._by_products
    monkeypatch.setattr(cpu_attention, "_by_products", lambda *given: calls.append(given) or products(*given))
    module, query, key, value = projected(2, 1, WIDTH)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = attend(module, query.requires_grad_(), key, value.bfloat16(), rows_with_padding(WIDTH), scaling=0.3)
    assert calls and output.dtype == torch.bfloat16


@pytest.mark.parametrize(("implementation", "expected"), [("sdpa", NAME), ("eager", "eager")])
def test_only_sdpa_is_replaced(build_model, implementation, expected):
    model = copy.deepcopy(build_model(0))
    model.set_attn_implementation(implementation)
    use_cpu_attention(model)
    assert model.config._attn_implementation == expected
