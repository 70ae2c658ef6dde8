"""The shape of a model, from its ``config.json`` and the architecture that transformers builds from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ModelShape:
    """The dimensions of a transformer, from which its sizes in memory follow.

    Attributes:
        parameters: The number of weights; tied weights count once.
        layer_parameters: The number of weights of the largest block that is never split.
        layers: The number of transformer blocks.
        hidden: The width of the residual stream.
        intermediate: The width inside the feed-forward part.
        heads: The number of query heads.
        kv_heads: The number of key and value heads.
        head_dim: The width of one head.
        vocabulary: The number of rows of the embedding.
        positions: The longest sequence in tokens; None where the model names no limit.
    """

    parameters: int
    layer_parameters: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int | None


def read_shape(path: str) -> ModelShape | None:
    """The shape of the model in folder ``path``, without loading a weight; None if it is not on this machine.

    The architecture is built on torch's meta device, so its weights are counted and never allocated. The result
    is None also if transformers does not know the architecture.
    """
    folder = Path(path).expanduser()
    if not (folder / "config.json").is_file():
        return None
    try:
        return _measure(build_without_weights(folder))
    except ValueError:  # transformers' error for an architecture that it does not know
        return None


def build_without_weights(folder: Path) -> Any:
    """The causal language model in a folder, on torch's meta device.

    Raises:
        ValueError: transformers does not know its architecture.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))


def count_weights(path: str) -> int:
    """The number of weights of the model in folder ``path``, without loading one; 0 if it is no local folder."""
    folder = Path(path).expanduser()
    if not (folder / "config.json").is_file():
        return 0
    return int(build_without_weights(folder).num_parameters())


def _measure(model: Any) -> ModelShape:
    text = model.config.get_text_config()
    heads = text.num_attention_heads
    return ModelShape(
        parameters=_count(model),
        layer_parameters=max(_count(module) for module in _blocks(model)),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // heads,
        vocabulary=text.vocab_size,
        positions=getattr(text, "max_position_embeddings", None),
    )


def _blocks(model: Any) -> list[Any]:
    """The blocks that FSDP gathers one at a time; the whole model if it names no blocks."""
    names = set(model._no_split_modules or ())
    return [module for module in model.modules() if type(module).__name__ in names] or [model]


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
