"""Weights arrive whole, or the update is refused."""

import asyncio

import pytest
import torch
from transformers import Qwen2ForCausalLM

from gd2po.hosts.verl.cpu.rollout.weights import WeightLoader, buckets, pack, unpack


async def _stream(weights):
    for item in weights:
        yield item


def collect(weights, max_bytes):
    async def gather():
        return [bucket async for bucket in buckets(_stream(weights), max_bytes)]

    return asyncio.run(gather())


@pytest.mark.parametrize(
    "tensor", [torch.randn(3, 4), torch.randn(5).bfloat16(), torch.tensor(2.0), torch.ones(4, 3).T]
)
def test_a_weight_survives_packing(tensor):
    name, back = unpack(pack("w", tensor))
    assert name == "w"
    assert back.dtype == tensor.dtype
    assert torch.equal(back, tensor)


def test_buckets_keep_order_and_size():
    weights = [(str(index), torch.zeros(size)) for index, size in enumerate([2, 2, 100, 1, 1])]
    names = [[packed[0] for packed in bucket] for bucket in collect(weights, max_bytes=16)]
    assert names == [["0", "1"], ["2"], ["3", "4"]]


def test_a_full_update_makes_the_models_equal(build_model):
    mine, theirs = build_model(1), build_model(2)
    loader = WeightLoader(mine)
    for bucket in collect(theirs.state_dict().items(), 4096):
        loader.load(bucket)
    loader.finish()
    assert all(torch.equal(mine.state_dict()[name], tensor) for name, tensor in theirs.state_dict().items())


def test_tied_weights_may_come_once(build_model):
    config = build_model(0).config.__class__(**{**build_model(0).config.to_dict(), "tie_word_embeddings": True})
    model = Qwen2ForCausalLM(config)
    loader = WeightLoader(model)
    loader.load([pack(name, tensor) for name, tensor in model.state_dict().items() if name != "lm_head.weight"])
    loader.finish()


def test_a_partial_update_is_refused(build_model):
    model = build_model(0)
    loader = WeightLoader(model)
    loader.load([pack("model.norm.weight", torch.zeros(32))])
    with pytest.raises(ValueError, match=r"weights never came from the trainer, the first: \['lm_head.weight'"):
        loader.finish()


@pytest.mark.parametrize(("name", "size"), [("model.norm.weight", 31), ("model.norm.lora_A", 32)])
def test_a_weight_that_does_not_fit_is_refused(build_model, name, size):
    with pytest.raises(ValueError, match=f"weight '{name}' of shape \\({size},\\) does not fit"):
        WeightLoader(build_model(0)).load([pack(name, torch.zeros(size))])
