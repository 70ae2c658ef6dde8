"""Shapes come from the architecture itself."""

import json

import pytest
from transformers import AutoModelForCausalLM, LlamaConfig, MixtralConfig, Qwen2Config

from gd2po.pretrained.shape import read_shape


def test_the_published_1_5b_has_the_published_number_of_weights(tmp_path):
    Qwen2Config(
        vocab_size=151_936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12,
        num_key_value_heads=2, tie_word_embeddings=True, architectures=["Qwen2ForCausalLM"],
    ).save_pretrained(tmp_path)  # fmt: skip
    shape = read_shape(str(tmp_path))
    assert shape.parameters == 1_543_714_304  # model card of Qwen2.5-1.5B: 1.54B, of which 1.31B are not embeddings
    assert shape.parameters - shape.vocabulary * shape.hidden == 1_310_340_608
    assert (shape.layers, shape.heads, shape.kv_heads, shape.head_dim) == (28, 12, 2, 128)
    assert shape.layers * shape.layer_parameters == 1_310_340_608 - 1536  # the last norm


@pytest.mark.parametrize("tied", [True, False])
def test_weights_are_those_of_a_saved_model(tmp_path, tied):
    config = LlamaConfig(
        vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=tied,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    saved = (tmp_path / "model.safetensors").stat().st_size
    header = 8 + int.from_bytes((tmp_path / "model.safetensors").read_bytes()[:8], "little")
    assert read_shape(str(tmp_path)).parameters == (saved - header) // model.dtype.itemsize


def test_a_mixture_of_experts_counts_all_of_them(tmp_path):
    config = MixtralConfig(
        vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=6, architectures=["MixtralForCausalLM"],
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    shape = read_shape(str(tmp_path))
    assert shape.parameters > shape.layers * 6 * 3 * 64 * 96


@pytest.mark.parametrize("content", [None, {"model_type": "of_the_future", "architectures": ["Future"]}])
def test_what_is_not_here_or_not_known_has_no_shape(tmp_path, content):
    if content:
        (tmp_path / "config.json").write_text(json.dumps(content))
    assert read_shape(str(tmp_path)) is None
    assert read_shape("Qwen/Qwen2.5-1.5B-Instruct") is None
