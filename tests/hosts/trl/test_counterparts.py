"""verl's settings as fields of ``GRPOConfig``: every shipped task, and what cannot be translated."""

import itertools
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gd2po.errors import SettingsError

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

from trl import GRPOConfig

from gd2po.hosts.trl.counterparts import COUNTERPARTS, left_out
from gd2po.hosts.trl.launching import compose, grpo_fields
from gd2po.hosts.trl.reading import read_settings

ROOT = Path(__file__).parents[3]
METHODS = [path.stem for path in sorted((ROOT / "verl/gd2po/configs/method").glob("*.yaml"))]
REWARDS = [(path.parents[2].name, path.stem) for path in sorted(ROOT.glob("*/config/rewards/*.yaml"))]
RUNS = [(task, method, rewards) for (task, rewards), method in itertools.product(REWARDS, METHODS)]


def composed(*overrides, task="tool-calling"):
    chosen = ["method=gd2po_snr", "scale=cpu", "run.model=tiny", "actor_rollout_ref.model.path=/models/tiny"]
    return compose(ROOT / task / "config", "base", [*chosen, *overrides])


def fields(*overrides, task="tool-calling"):
    return grpo_fields(composed(*overrides, task=task))


@pytest.mark.parametrize(("task", "method", "rewards"), RUNS)
def test_every_task_method_and_set_of_rewards_is_accepted(task, method, rewards, tmp_path):
    chosen = [f"method={method}", f"rewards={rewards}", f"trainer.default_local_dir={tmp_path}"]
    if task in ("math-reasoning", "coding"):  # the paper's KL loss is one that TRL does not have
        with pytest.raises(SettingsError, match=r"'mse'; TRL knows low_var_kl only: set .*kl_loss_type=low_var_kl"):
            grpo_fields(composed(*chosen, task=task))
        chosen += ["actor_rollout_ref.actor.kl_loss_type=low_var_kl"]
    config = composed(*chosen, task=task)
    args = GRPOConfig(**grpo_fields(config) | {"report_to": "none"})
    prompts, rollouts = config.data.train_batch_size, config.actor_rollout_ref.rollout.n
    updates = prompts // config.actor_rollout_ref.actor.ppo_mini_batch_size
    assert (args.generation_batch_size, args.num_generations) == (prompts * rollouts, rollouts)
    assert args.max_steps == updates * config.trainer.total_training_steps
    assert args.temperature == (0.7 if task == "safe-alignment" else 1.0)
    settings = read_settings(OmegaConf.to_container(config))
    assert settings.estimator == method.split("_")[0] and len(settings.rewards) >= (1 if rewards == "accuracy" else 2)
    known = (".seed", "_seed", "data_dir", "offload", "reward.reward_model.rollout.name", "val_kwargs.top_p")
    assert [key for key in left_out(config) if not key.endswith(known) and ".filter_groups." not in key] == []


def test_every_key_that_is_read_is_there():
    config = composed()
    missing = object()
    keys = {key for counterpart in COUNTERPARTS for key in counterpart.keys}
    assert {key for key in keys if OmegaConf.select(config, key, default=missing) is missing} == set()


def test_one_step_of_verl_is_as_many_steps_of_trl_as_it_has_updates():
    values = fields(
        *("data.train_batch_size=16", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.save_freq=2"),
        *("trainer.test_freq=5", "trainer.total_training_steps=10", "actor_rollout_ref.actor.ppo_epochs=2"),
        *("actor_rollout_ref.actor.optim.lr_warmup_steps=3",),
    )
    assert (values["max_steps"], values["save_steps"], values["eval_steps"]) == (80, 16, 40)
    assert (values["warmup_steps"], values["lr_scheduler_type"]) == (24, "constant_with_warmup")
    rows = values["per_device_train_batch_size"] * values["gradient_accumulation_steps"]
    assert rows == 16 and values["steps_per_generation"] == 4 * values["gradient_accumulation_steps"]


@pytest.mark.parametrize(
    ("overrides", "rows", "passes"),
    [
        (["actor_rollout_ref.actor.ppo_max_token_len_per_gpu=12800"], 4, 8),  # 5 rows of 2,560 tokens fit; 4 divide 32
        (["actor_rollout_ref.actor.ppo_max_token_len_per_gpu=100"], 1, 32),
        (["actor_rollout_ref.actor.use_dynamic_bsz=false"], 32, 1),
        (
            ["actor_rollout_ref.actor.use_dynamic_bsz=false", "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8"],
            *(8, 4),
        ),
    ],
)
def test_a_pass_holds_as_many_rows_as_in_verl(overrides, rows, passes):
    values = fields(*overrides)
    assert (values["per_device_train_batch_size"], values["gradient_accumulation_steps"]) == (rows, passes)


def test_processes_share_a_batch(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    values = fields("actor_rollout_ref.actor.use_dynamic_bsz=false")
    assert (values["per_device_train_batch_size"], values["gradient_accumulation_steps"]) == (8, 1)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingsError, match=r"ppo_mini_batch_size 8 × .*n 4 rows do not divide among 3 processes"):
        fields()


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("actor_rollout_ref.actor.optim.lr=3e-5", "learning_rate", 3e-5),
        ("actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean", "loss_type", "grpo"),
        ("actor_rollout_ref.actor.use_kl_loss=true", "beta", 0.001),
        ("actor_rollout_ref.actor.clip_ratio_high=0.28", "epsilon_high", 0.28),
        ("actor_rollout_ref.rollout.top_k=20", "top_k", 20),
        ("trainer.save_freq=-1", "save_strategy", "no"),
        ("trainer.logger=[console,file]", "report_to", "none"),
        ("trainer.logger=[console,wandb]", "report_to", ["wandb"]),
        ("run.seed=7", "data_seed", 7),
        ("trl.loss_type=cispo", "loss_type", "cispo"),
        ("trl.learning_rate=0.5", "learning_rate", 0.5),
    ],
)
def test_a_setting_arrives_under_its_name_in_trl(override, field, value):
    assert fields(override)[field] == value


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("actor_rollout_ref.actor.policy_loss.loss_mode=gspo", "policy_loss.loss_mode has no counterpart in TRL"),
        ("+ray_kwargs.ray_init.num_cpus=2", "ray_kwargs.ray_init.num_cpus has no counterpart.*trl.FIELD=VALUE"),
        ("trl.learning_rat=1", "trl.learning_rat is no field of GRPOConfig. Did you mean 'learning_rate'"),
        ("actor_rollout_ref.rollout.name=sglang", "name is 'sglang'; TRL generates with vllm or with transformers"),
        ("actor_rollout_ref.rollout.n=1", "TRL needs at least 2"),
        ("actor_rollout_ref.rollout.val_kwargs.temperature=0.2", "temperature is 0.2, but .* set 1.0"),
        ("algorithm.use_kl_in_reward=true", "use actor_rollout_ref.actor.use_kl_loss"),
        ("actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum", "'seq-mean-token-sum'; TRL knows token-mean"),
        ("actor_rollout_ref.actor.ppo_mini_batch_size=3", "data.train_batch_size is 8 .* a multiple of"),
        ("model_engine=megatron", "does not compose: model_engine=megatron does not exist"),
        ("rewards=none", "does not compose: rewards=none does not exist"),
        ("data.train_batch_siz=3", "data.train_batch_siz"),
        ("trainer.logger=[console", "does not compose"),
    ],
)
def test_what_trl_cannot_follow_is_refused_by_name(override, words):
    with pytest.raises(SettingsError, match=words):
        fields(override)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_passes_on_cpu_are_computed_in_the_precision_that_is_faster_there(precision, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("GD2PO_CPU_PRECISION", precision)
    assert fields()["bf16"] == (precision == "bfloat16")
    assert fields("trl.bf16=false")["bf16"] is False
    monkeypatch.delenv("GD2PO_CPU_PRECISION")
    assert fields()["bf16"] is False  # no model is there whose size would say that bfloat16 pays


def test_vllm_shares_the_gpu_of_the_trainer(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    chosen = fields("actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.rollout.gpu_memory_utilization=0.4")
    assert {name: value for name, value in chosen.items() if "vllm" in name} == {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": 0.4,
        "vllm_tensor_parallel_size": 1,
    }
    assert not chosen["use_cpu"] and chosen["bf16"]


def test_a_server_of_vllm_is_chosen_by_the_fields_of_trl():
    chosen = fields("trl.use_vllm=true", "trl.vllm_mode=server", "trl.vllm_server_base_url=http://rollouts:8000")
    args = GRPOConfig(**chosen | {"report_to": "none"})
    assert (args.use_vllm, args.vllm_mode, args.vllm_server_base_url) == (True, "server", "http://rollouts:8000")
