"""Splits that cannot work are refused with what to set instead, and what is set instead works."""

import re

import pytest

from gd2po.errors import SettingsError

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
MEGATRON = "model_engine=megatron"


def test_the_shipped_configuration_can_work(plan_of):
    assert plan_of().refusals == ()


@pytest.mark.parametrize(
    ("overrides", "reason", "instead"),
    [
        ((f"{ACTOR}.ppo_mini_batch_size=1",), "are 4 rows.*8 data-parallel.*such as 2", "ppo_mini_batch_size=2"),
        (("data.train_batch_size=500",), "no multiple of 128.*48 empty rows.*384 or 512", "data.train_batch_size=512"),
        ((f"{ACTOR}.ppo_mini_batch_size=1024",), "2048 empty rows.*set train_batch_size to 1024", "size=1024"),
        ((f"{ROLLOUT}.tensor_model_parallel_size=6",), "no multiple of the 6 GPUs.*1, 2, 4, 8", "size=2"),
        ((f"{ROLLOUT}.tensor_model_parallel_size=8",), "12 attention heads and 2.*one of 1, 2, 4, 6, 12", "size=4"),
        ((f"{ROLLOUT}.max_model_len=3000",), "2048 \\+ 1024 = 3072, but.*max_model_len is 3000", "max_model_len=3072"),
        ((f"{ACTOR}.ppo_max_token_len_per_gpu=3000",), "holds 3000 tokens.*set it to 3072", "per_gpu=3072"),
        ((f"{ACTOR}.ulysses_sequence_parallel_size=8",), "12 attention heads.*one of 1, 2, 4", "size=4"),
        ((f"{ACTOR}.fsdp_config.fsdp_size=3",), "fsdp_size=3.*1, 2, 4, 8, or -1", "fsdp_size=4"),
        ((MEGATRON, f"{ACTOR}.megatron.tensor_model_parallel_size=8"), "12 attention heads", "parallel_size=4"),
        ((MEGATRON, f"{ACTOR}.megatron.pipeline_model_parallel_size=8"), "28 layers.*1, 2, 4, 7", "parallel_size=4"),
        ((MEGATRON, f"{ACTOR}.megatron.context_parallel_size=3"), "no multiple of tensor", "parallel_size=4"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_a_split_that_cannot_work_is_refused_and_its_remedy_works(plan_of, overrides, reason, instead):
    refusals = plan_of(*overrides).refusals
    assert len(refusals) == 1, refusals
    assert re.search(reason, refusals[0]), refusals[0]
    key, _, value = instead.partition("=")
    mended = [item for item in overrides if key not in item]
    changed = next((item.partition("=")[0] for item in overrides if key in item), key)
    extra = ("data.train_batch_size=1024",) if value == "1024" else ()
    assert plan_of(*mended, f"{changed}={value}", *extra).refusals == ()


def test_the_context_of_the_model_must_hold_a_row(plan_of, model_folder):
    refusals = plan_of(model=model_folder(max_position_embeddings=2048)).refusals
    assert refusals == (
        "data.max_prompt_length + data.max_response_length is 2048 + 1024 = 3072, but the model has 2048 positions; "
        "lower one of the two lengths",
    )


def test_a_colocated_reward_model_must_divide_the_trainer(plan_of):
    split = "+algorithm.gd2po.rewards.safe.model.tensor_parallel=3"
    (refusal,) = plan_of(split, task="safe-alignment").refusals
    assert "rewards.safe.model.tensor_parallel is 3, but it is colocated with a trainer on 8 GPUs" in refusal


def test_separate_rollouts_divide_the_batch_by_their_parts_too(plan_of):
    apart = ("trainer.v1.trainer_mode=separate_async", f"{ROLLOUT}.nnodes=1")
    plan = plan_of(*apart)
    assert plan.refusals == ()
    assert (plan.layout.all_gpus, plan.layout.replicas) == (16, 16)
    assert "no multiple of 512" in plan_of(*apart, "data.train_batch_size=640").refusals[0]


def test_every_refusal_is_said_not_only_the_first(plan_of):
    refusals = plan_of("data.train_batch_size=500", f"{ROLLOUT}.tensor_model_parallel_size=3").refusals
    for reason in ("no multiple of 128", "GPUs of a rollout replica", "12 attention heads"):
        assert any(reason in refusal for refusal in refusals), reason


def test_what_verl_and_gd2po_refuse_is_refused(plan_of):
    with pytest.raises(SettingsError, match="unknown conflict filter 'hardest'"):
        plan_of("algorithm.gd2po.filter.kind=hardest")
    verls = plan_of(f"{ACTOR}.loss_agg_mode=mean").refusals
    assert len(verls) == 1 and verls[0].startswith("verl refuses: ") and "Invalid loss_agg_mode: mean" in verls[0]
