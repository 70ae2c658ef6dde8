"""Expected memory: by hand for one shape, and how it moves with what is changed. Checkpoints: against a real one."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from gd2po.pretrained.shape import read_shape

GIB = 2**30
WEIGHTS = 1_543_714_304
ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"


def parts(plan, phase: str) -> dict[str, int]:
    (chosen,) = [each for each in plan.memory.phases if each.name == phase]
    return {part.name: part.bytes for part in chosen.parts}


def test_fsdp_by_hand(plan_of):
    update = parts(plan_of(), "update")
    assert update["weights"] == update["gradients"] == 4 * WEIGHTS // 8
    assert update["optimizer"] == 8 * WEIGHTS // 8
    assert update["gathered blocks"] == 2 * 2 * 46_797_824
    assert update["logits"] == 4 * 16_384 * 151_936
    kept_of_a_token = 2 * (4 * 1536 + 2 * 12 * 128 + 2 * 2 * 128 + 4 * 8960) + 8 * 1536
    assert update["activations"] == 16_384 * (28 * 2 * 1536 + 2 * kept_of_a_token)
    assert "unsharded gradients" not in update


def test_megatron_by_hand(plan_of):
    split = [f"{ACTOR}.megatron.{kind}_model_parallel_size=2" for kind in ("tensor", "pipeline")]
    update = parts(plan_of("model_engine=megatron", *split), "update")
    assert update["weights"] == 2 * WEIGHTS // 4
    assert update["gradients"] == 4 * WEIGHTS // 4
    assert update["optimizer"] == 12 * WEIGHTS // 8
    assert update["logits"] == 4 * 16_384 * 151_936 // 2


def test_the_cache_holds_what_the_weights_leave(plan_of):
    cache = plan_of().memory.cache
    token = 2 * 28 * 2 * 128 * 2  # keys and values of 28 layers with 2 heads of 128, in bfloat16
    assert cache.bytes == int(0.6 * 80 * GIB) - 2 * WEIGHTS
    assert cache.tokens == cache.bytes // token
    assert cache.rows == cache.tokens // 3072
    halved = plan_of(f"{ROLLOUT}.tensor_model_parallel_size=2").memory.cache
    assert halved.tokens == (int(0.6 * 80 * GIB) - WEIGHTS) // (token // 2)


def test_what_is_offloaded_moves_to_the_host_during_rollouts_only(plan_of):
    here, offloaded = (
        plan_of(),
        plan_of(f"{ACTOR}.fsdp_config.param_offload=true", f"{ACTOR}.fsdp_config.optimizer_offload=true"),
    )
    assert set(parts(here, "rollouts")) - set(parts(offloaded, "rollouts")) == {"weights", "optimizer"}
    assert parts(here, "update") == parts(offloaded, "update")
    assert (here.memory.host, offloaded.memory.host) == (0, 12 * WEIGHTS // 8 * 8)


@pytest.mark.parametrize(
    ("change", "part", "factor"),
    [
        (f"{ACTOR}.ppo_max_token_len_per_gpu=4096", "logits", 1 / 4),
        (f"{ACTOR}.ppo_max_token_len_per_gpu=4096", "activations", 1 / 4),
        (f"{ROLLOUT}.temperature=0.7", "logits", 6 / 4),
        (f"{ACTOR}.entropy_coeff=0.01", "logits", 12 / 4),
        ("actor_rollout_ref.model.use_fused_kernels=true", "logits", 0),
        ("trainer.nnodes=2", "optimizer", 1 / 2),
    ],
)
def test_it_moves_as_its_formula_says(plan_of, change, part, factor):
    assert parts(plan_of(change), "update")[part] == pytest.approx(factor * parts(plan_of(), "update")[part])


def test_gradients_that_wait_unsharded_are_counted_and_named(plan_of):
    plan = plan_of(f"{ACTOR}.fsdp_config.use_no_sync_for_gradient_accumulation=true")
    assert parts(plan, "update")["unsharded gradients"] == 2 * WEIGHTS
    assert any("use_no_sync_for_gradient_accumulation=false frees them" in remark for remark in plan.remarks)


def test_reward_models_wake_while_rollouts_sleep(plan_of):
    plan = plan_of(task="safe-alignment")
    assert {"helpful", "safe"} < set(parts(plan, "reward models"))
    assert "rollout engine" not in parts(plan, "reward models") | parts(plan, "update")


def test_a_card_that_is_too_small_is_named_with_what_helps(plan_of):
    remarks = plan_of("trainer.n_gpus_per_node=1", gib=24).remarks
    assert any("update: " in remark and "lower actor.ppo_max_token_len_per_gpu" in remark for remark in remarks)
    assert any("rollouts: " in remark and "run.offload=true" in remark for remark in remarks)


def test_the_size_of_a_checkpoint_is_that_of_a_real_one(tmp_path, model_folder, plan_of):
    small = {"vocab_size": 4096, "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 3}
    folder = model_folder(**small, num_attention_heads=4)
    shape = read_shape(str(folder))
    expected = plan_of(model=folder).checkpoint
    assert expected == 12 * shape.parameters
    _save(folder, tmp_path)
    states = sum(file.stat().st_size for file in tmp_path.glob("*_world_size_1_rank_0.pt"))
    assert states == pytest.approx(expected, rel=0.02)


def _save(model: Path, folder: Path) -> None:
    """A checkpoint by verl's own manager, of a sharded model that has made one step of AdamW."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from transformers import AutoConfig, AutoModelForCausalLM
    from verl.utils.checkpoint.fsdp_checkpoint_manager import FSDPCheckpointManager

    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        trained = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model), dtype=torch.float32)
        fully_shard(trained, mesh=init_device_mesh("cpu", (1,)))
        optimizer = torch.optim.AdamW(trained.parameters())
        trained(torch.ones(1, 8, dtype=torch.int64)).logits.sum().backward()
        optimizer.step()
        contents = OmegaConf.create({"save_contents": ["model", "optimizer", "extra"]})
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
        FSDPCheckpointManager(trained, optimizer, schedule, None, contents).save_checkpoint(str(folder))
    finally:
        torch.distributed.destroy_process_group()


def test_megatron_saves_weights_once_and_float32_copies(plan_of):
    assert plan_of("model_engine=megatron").checkpoint == 14 * WEIGHTS


def test_a_whole_model_comes_on_top(plan_of):
    contents = f"{ACTOR}.checkpoint.save_contents=[model,optimizer,extra,hf_model]"
    assert plan_of(contents).checkpoint == 16 * WEIGHTS


def test_lora_is_not_estimated(plan_of):
    plan = plan_of("actor_rollout_ref.model.lora_rank=8")
    assert (plan.memory, plan.checkpoint) == (None, None)
