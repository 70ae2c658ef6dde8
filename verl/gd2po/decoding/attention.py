"""Attention of one new token per row, without a copy of the cache.

Heads that share keys are, for one token, queries that share keys: [B, H, 1, d] becomes [B, H_kv, H / H_kv, d].
transformers repeats keys and values for every head instead, a copy of the whole cache per layer and token.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "gd2po_shared_heads"


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
    if length > 1 or shared == heads:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    queries = query.view(rows, shared, heads // shared, -1)
    output = scaled_dot_product_attention(queries, key, value, attn_mask=attention_mask, scale=scaling)
    return output.reshape(rows, 1, heads, -1), None


def use_shared_heads(model: PreTrainedModel) -> None:
    """Replace the attention of a model that uses `sdpa`."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(NAME)
