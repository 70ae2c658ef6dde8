"""Attention on CPU: transformers' `sdpa`, computed in another way in two cases.

**One new token per row.** Heads that share keys are, for one token, queries that share keys: [B, H, 1, d] becomes
[B, H_kv, H / H_kv, d]. transformers repeats keys and values for every head instead, a copy of the whole cache per layer
and token.

**Short rows in training.** In bfloat16 the backward pass of torch's fused kernel takes up to four times as long on CPU
as plain products do, for rows up to 128 tokens; longer ones would need memory with the square of their length.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "gd2po_cpu"

SHORT = 128
"""The longest row, in tokens, whose attention is computed by plain products in training."""


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """As transformers' `sdpa`: query [B, H, Q, d], key and value [B, H_kv, T, d], result [B, Q, H, d]."""
    rows, heads, length, _ = query.shape
    shared = key.shape[1]
    if length == 1 and shared < heads:
        queries = query.view(rows, shared, heads // shared, -1)
        output = scaled_dot_product_attention(queries, key, value, attn_mask=attention_mask, scale=scaling)
        return output.reshape(rows, 1, heads, -1), None
    in_training = query.requires_grad and not options.get("dropout") and _precision(query) == torch.bfloat16
    if in_training and length <= SHORT and attention_mask is not None:
        return _by_products(query, key, value, attention_mask, scaling), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)


def _precision(query: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype


def _by_products(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float | None) -> Tensor:
    rows, heads, length, size = query.shape
    together = rows, key.shape[1], heads // key.shape[1] * length  # the queries of all heads that share keys
    scores = (query.reshape(*together, size) @ key.transpose(-1, -2)).view(rows, heads, length, -1)
    scores = (scores * (size**-0.5 if scaling is None else scaling)).masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (weights.view(*together, -1) @ value).view(rows, heads, length, size).transpose(1, 2).contiguous()


def use_cpu_attention(model: PreTrainedModel) -> None:
    """Let a model that uses `sdpa` attend in this way; one with another attention is left as it is."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(NAME)
