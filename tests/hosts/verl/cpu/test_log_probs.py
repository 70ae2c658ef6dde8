"""Log-probabilities of responses are verl's own, whatever the lengths, and float32 whatever the model's precision."""

from threading import Event
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from tensordict import TensorDict
from verl.utils import tensordict_utils as tu
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead
from verl.workers.utils.padding import left_right_2_no_padding, no_padding_2_padding

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import GenerationRequest
from gd2po.decoding.sampling import Sampling
from gd2po.hosts.verl.cpu.log_probs import wrap_prepare_model_inputs, wrap_prepare_model_outputs

ENGINE = SimpleNamespace(pad_to_length=None, engine_config=SimpleNamespace(entropy_checkpointing=False))
STOCK = (FSDPEngineWithLMHead.prepare_model_inputs, FSDPEngineWithLMHead.prepare_model_outputs)
STOCK = tuple(getattr(function, "__wrapped__", function) for function in STOCK)
OURS = (wrap_prepare_model_inputs(STOCK[0]), wrap_prepare_model_outputs(STOCK[1]))
PROMPTS, RESPONSES = (5, 2, 3), (4, 7, 1)


def jagged(rows):
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


def micro_batch(entropy=True, **options):
    generator = torch.Generator().manual_seed(0)
    prompts, responses = (
        [torch.randint(0, 256, (length,), generator=generator) for length in lengths]
        for lengths in (PROMPTS, RESPONSES)
    )
    rows = [torch.cat(pair) for pair in zip(prompts, responses, strict=True)]
    fields = {
        "input_ids": jagged(rows),
        "position_ids": jagged([torch.arange(len(row)) for row in rows]),
        "prompts": jagged(prompts),
        "responses": jagged(responses),
        "temperature": torch.tensor([1.0, 0.5, 2.0]),
    }
    batch = TensorDict(fields, batch_size=[3])
    settings = {"use_remove_padding": False, "pad_token_id": 257, "calculate_entropy": entropy} | options
    tu.assign_non_tensor(batch, **settings)
    return batch


def passed(functions, model, batch):
    prepare_inputs, prepare_outputs = functions
    inputs, arguments = prepare_inputs(ENGINE, batch)
    output = model(**inputs, use_cache=False)
    answers = prepare_outputs(ENGINE, output, arguments, batch, None)
    return output, {name: no_padding_2_padding(values, batch) for name, values in answers.items()}


def test_log_probabilities_and_entropies_are_those_of_verl(model):
    batch = micro_batch()
    (whole, expected), (part, actual) = (passed(functions, model, batch) for functions in (STOCK, OURS))
    assert actual.keys() == expected.keys() == {"log_probs", "entropy"}
    for name, values in expected.items():
        torch.testing.assert_close(actual[name], values, atol=2e-6, rtol=1e-5)
    assert whole.logits.shape[1] == 9 and part.logits.shape[1] == 8  # from the last token of the shortest prompt


def padded_micro_batch():
    """The same batch as the V0 trainer sends it: prompts and responses with padding, and a mask."""
    nested = micro_batch()
    prompts, responses, ids = (
        torch.full((3, width), 257) for width in (max(PROMPTS), max(RESPONSES), max(PROMPTS) + max(RESPONSES))
    )
    mask = torch.zeros_like(ids)
    for row, (prompt, response) in enumerate(
        zip(nested["prompts"].unbind(), nested["responses"].unbind(), strict=True)
    ):
        prompts[row, -len(prompt) :], responses[row, : len(response)] = prompt, response
        mask[row, max(PROMPTS) - len(prompt) : max(PROMPTS) + len(response)] = 1
    fields = {
        "input_ids": torch.cat([prompts, responses], 1),
        "attention_mask": mask,
        "response_mask": mask[:, max(PROMPTS) :],
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "prompts": prompts,
        "responses": responses,
        "temperature": nested["temperature"],
    }
    batch = TensorDict(fields, batch_size=[3])
    tu.assign_non_tensor(batch, use_remove_padding=False, pad_token_id=257, calculate_entropy=True)
    return left_right_2_no_padding(batch)


def test_a_batch_of_the_v0_trainer_has_the_same_log_probabilities(model):
    (_, expected), (part, actual) = passed(OURS, model, micro_batch()), passed(OURS, model, padded_micro_batch())
    assert part.logits.shape[1] == 8
    for name, values in expected.items():
        for row, length in enumerate(RESPONSES):
            torch.testing.assert_close(actual[name][row, :length], values[row, :length], atol=2e-6, rtol=1e-5)


def test_gradients_are_those_of_verl(model):
    gradients = []
    for functions in (STOCK, OURS):
        model.zero_grad()
        _, answers = passed(functions, model, micro_batch(entropy=False))
        (answers["log_probs"] * torch.tensor([[1.0], [-2.0], [3.0]])).sum().backward()
        gradients.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    model.zero_grad()
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[0].norm()


def test_in_bfloat16_they_are_float32_and_close_to_those_of_float32(build_model):
    batch = micro_batch()
    _, exact = passed(OURS, build_model(0), batch)
    _, rounded = passed(OURS, build_model(0).to(torch.bfloat16), batch)
    assert all(values.dtype == torch.float32 for values in rounded.values())
    torch.testing.assert_close(rounded["log_probs"], exact["log_probs"], atol=0.2, rtol=0)  # logits of ±10 have 1/32
    assert rounded["log_probs"].unique().numel() > 10


def test_what_is_not_usual_is_left_to_verl(model):
    for unusual in ({"use_fused_kernels": True, "temperature": 1.0}, {"calculate_sum_pi_squared": True}):
        batch = micro_batch(**unusual)
        inputs, _ = OURS[0](ENGINE, batch)
        assert "logits_to_keep" not in inputs


def test_a_batch_without_responses_is_left_to_verl():
    inputs, _ = OURS[0](ENGINE, micro_batch().exclude("prompts", "responses"))
    assert "logits_to_keep" not in inputs


def test_rollouts_and_trainer_agree_in_bfloat16_up_to_its_rounding(build_model):
    """Logits of this model are large, and so is their rounding; in float32 the mean difference is below 1e-5."""
    for dtype, bound in ((torch.float32, 1e-5), (torch.bfloat16, 0.02)):
        model = build_model(0).to(dtype)
        generator = torch.Generator().manual_seed(1)
        prompts = [tuple(torch.randint(0, 256, (length,), generator=generator).tolist()) for length in PROMPTS]
        requests = [
            GenerationRequest(prompt, Sampling(), frozenset(), torch.rand(12, generator=generator).tolist())
            for prompt in prompts
            for _ in range(8)
        ]
        rollout = DecodeEngine(model, max_rows=64, max_prefill_tokens=512)
        rollout.add(requests)
        while rollout.busy:
            rollout.advance(Event())
        rows = [torch.tensor([*request.prompt, *request.tokens]) for request in requests]
        batch = TensorDict(
            {
                "input_ids": jagged(rows),
                "position_ids": jagged([torch.arange(len(row)) for row in rows]),
                "prompts": jagged([torch.tensor(request.prompt) for request in requests]),
                "responses": jagged([torch.tensor(request.tokens) for request in requests]),
                "temperature": torch.ones(len(rows)),
            },
            batch_size=[len(rows)],
        )
        tu.assign_non_tensor(batch, use_remove_padding=False, pad_token_id=257, calculate_entropy=False)
        _, answers = passed(OURS, model, batch)
        drawn = torch.tensor([request.log_probs for request in requests])
        assert (answers["log_probs"] - drawn).abs().mean() < bound
