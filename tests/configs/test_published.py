"""The hyper-parameters of the published runs, and that no scale changes what is learned."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
METHODS = [path.stem for path in sorted((ROOT / "verl/gd2po/configs/method").glob("*.yaml"))]
REWARDS = {
    "safe-alignment": "useful_harmless",
    "tool-calling": "correctness_length",
    "math-reasoning": "accuracy_conditioned_length",
    "coding": "pass_length",
}

BOTH = {
    "data.train_batch_size": 512,
    "data.max_response_length": 1024,
    "data.truncation": "left",
    "data.shuffle": True,
    "data.seed": 1,
    "actor_rollout_ref.model.use_remove_padding": True,
    "actor_rollout_ref.model.enable_gradient_checkpointing": True,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 128,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.use_dynamic_bsz": True,
    "actor_rollout_ref.actor.clip_ratio": 0.2,
    "actor_rollout_ref.actor.clip_ratio_c": 3.0,
    "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
    "actor_rollout_ref.actor.entropy_coeff": 0,
    "actor_rollout_ref.actor.use_kl_loss": False,
    "actor_rollout_ref.actor.grad_clip": 1.0,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
    "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": 0.0,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.999],
    "actor_rollout_ref.actor.optim.weight_decay": 0.01,
    "actor_rollout_ref.actor.fsdp_config.param_offload": False,
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": False,
    "actor_rollout_ref.rollout.name": "vllm",
    "actor_rollout_ref.rollout.n": 4,
    "actor_rollout_ref.rollout.top_p": 1,
    "actor_rollout_ref.rollout.gpu_memory_utilization": 0.6,
    "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
    "actor_rollout_ref.rollout.log_prob_use_dynamic_bsz": True,
    "algorithm.use_kl_in_reward": False,
    "algorithm.norm_adv_by_std_in_grpo": True,
    "trainer.test_freq": 10,
    "trainer.val_before_train": True,
    "trainer.nnodes": 1,
    "trainer.n_gpus_per_node": 8,
    "trainer.logger": ["console", "tensorboard"],
}
PUBLISHED = {
    "tool-calling": BOTH
    | {
        "data.max_prompt_length": 2048,
        "data.filter_overlong_prompts": True,
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 16384,
        "actor_rollout_ref.rollout.temperature": 1.0,
        "trainer.total_epochs": 30,
        "trainer.save_freq": 5,
    },
    "safe-alignment": BOTH
    | {
        "data.max_prompt_length": 512,
        "data.filter_overlong_prompts": False,
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 2048,
        "actor_rollout_ref.rollout.temperature": 0.7,
        "actor_rollout_ref.rollout.val_kwargs.temperature": 0,
        "actor_rollout_ref.rollout.val_kwargs.n": 1,
        "trainer.total_epochs": 1,
        "trainer.total_training_steps": 100,
        "trainer.save_freq": 20,
    },
    "math-reasoning": {  # table 7 of the GDPO paper
        "data.train_batch_size": 512,
        "data.max_prompt_length": 1024,
        "data.max_response_length": 8000,
        "actor_rollout_ref.actor.ppo_mini_batch_size": 64,
        "actor_rollout_ref.actor.ppo_epochs": 1,
        "actor_rollout_ref.actor.clip_ratio_low": 0.2,
        "actor_rollout_ref.actor.clip_ratio_high": 0.28,
        "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_type": "mse",
        "actor_rollout_ref.actor.kl_loss_coef": 0.0005,
        "actor_rollout_ref.actor.optim.lr": 1e-6,
        "actor_rollout_ref.rollout.n": 16,
        "actor_rollout_ref.rollout.temperature": 1.0,
        "algorithm.use_kl_in_reward": False,
        "algorithm.filter_groups.enable": True,
        "reward.custom_reward_function.reward_kwargs.max_tokens": 4000,
        "trainer.total_training_steps": 500,
    },
}
PUBLISHED["coding"] = PUBLISHED["math-reasoning"] | {"trainer.total_training_steps": 400}
TASKS = sorted(PUBLISHED)
MACHINE = {
    "run.offload",
    "actor_rollout_ref.actor.fsdp_config.param_offload",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload",
    "actor_rollout_ref.rollout.n_gpus_per_node",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
}
"""What may differ between scales whose results are to be compared."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", TASKS)
def test_hyper_parameters(task: str, method: str, run) -> None:
    config, expected = run(task, method, REWARDS[task], "8gpu"), PUBLISHED[task]
    assert {key: OmegaConf.select(config, key, throw_on_missing=True) for key in expected} == expected


@pytest.mark.parametrize("task", TASKS)
def test_other_gpu_scales_train_the_same(task: str, run, leaves) -> None:
    chosen = (task, "gd2po_snr", REWARDS[task])
    then, *others = (dict(leaves(run(*chosen, scale))) for scale in ("8gpu", "1gpu", "multinode"))
    names = ("run.scale", "trainer.experiment_name", "_dir", "_DIR", "_PATH", ".experiment_name")
    for now in others:
        assert {key for key in then if then[key] != now[key] and not key.endswith(names)} <= MACHINE
