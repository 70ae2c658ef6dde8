"""The kinds of the values in verl's configuration that this plug-in reads, checked before it does."""

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError

BLOCKS = (
    *("algorithm", "trainer", "trainer.v1", "data", "critic", "transfer_queue", "distillation", "global_profiler"),
    *("ray_kwargs", "ray_kwargs.ray_init", "reward", "reward.reward_manager", "reward.reward_model"),
    *("reward.reward_model.rollout", "actor_rollout_ref", "actor_rollout_ref.rollout", "actor_rollout_ref.actor"),
    *("actor_rollout_ref.ref", "actor_rollout_ref.model"),
)
"""Keys with a block of settings that verl's main or this plug-in reads before Ray starts."""

WHOLE_NUMBERS = (
    "actor_rollout_ref.rollout.n",
    "actor_rollout_ref.rollout.tensor_model_parallel_size",
    "actor_rollout_ref.rollout.data_parallel_size",
    "actor_rollout_ref.rollout.pipeline_model_parallel_size",
    "actor_rollout_ref.rollout.prompt_length",
    "actor_rollout_ref.rollout.response_length",
    "actor_rollout_ref.rollout.max_num_seqs",
    "actor_rollout_ref.rollout.max_num_batched_tokens",
    "actor_rollout_ref.rollout.max_model_len",
    "actor_rollout_ref.rollout.val_kwargs.n",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu",
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "actor_rollout_ref.actor.ppo_micro_batch_size",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu",
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu",
    "actor_rollout_ref.actor.ppo_epochs",
    "actor_rollout_ref.actor.ulysses_sequence_parallel_size",
    "actor_rollout_ref.model.lora_rank",
    "data.train_batch_size",
    "data.gen_batch_size",
    "data.max_prompt_length",
    "data.max_response_length",
    "data.train_max_samples",
    "data.val_max_samples",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
    "trainer.total_epochs",
    "trainer.total_training_steps",
    "trainer.save_freq",
    "trainer.test_freq",
    "trainer.max_actor_ckpt_to_keep",
    "reward.num_workers",
)
"""Keys with a whole number, or null where verl has null."""

NUMBERS = ("actor_rollout_ref.rollout.gpu_memory_utilization", "actor_rollout_ref.actor.optim.lr")
"""Keys with a number that may be fractional."""

SWITCHES = (
    "algorithm.use_kl_in_reward",
    "algorithm.norm_adv_by_std_in_grpo",
    "actor_rollout_ref.actor.use_kl_loss",
    "actor_rollout_ref.actor.use_dynamic_bsz",
    "trainer.use_v1",
    "trainer.val_before_train",
)
"""Keys that are true or false."""

_NEVER_NULL = ("actor_rollout_ref.rollout.n", "trainer.nnodes", "trainer.n_gpus_per_node", "data.train_batch_size")


def check_block(config: DictConfig, key: str) -> None:
    """Refuse any other value where a block of settings is needed.

    Raises:
        SettingsError: naming the key, what was found and what was expected.
    """
    block = OmegaConf.select(config, key)
    if not isinstance(block, DictConfig):
        raise no_block(key, block)


def no_block(key: str, value: object) -> SettingsError:
    """The error for another value where a block of settings is needed."""
    return SettingsError(f"{key} is {value!r} ({_kind(value)}); expected the block of settings that verl has")


def check_blocks(config: DictConfig) -> None:
    """Refuse a configuration in which one of :data:`BLOCKS` is something else than a block of settings.

    Raises:
        SettingsError: naming the key, what was found and what was expected.
    """
    for key in BLOCKS:
        check_block(config, key)


def check_kinds(config: DictConfig) -> None:
    """Refuse text and other values where a block of settings, a number, or true or false is needed.

    Raises:
        SettingsError: naming the key, what was found and what to write.
    """
    check_blocks(config)
    for key in (*WHOLE_NUMBERS, *NUMBERS, *SWITCHES):
        value = OmegaConf.select(config, key)
        if value is None and key not in _NEVER_NULL:
            continue
        if key in SWITCHES:
            if not isinstance(value, bool):
                raise SettingsError(f"{key} is {value!r} ({_kind(value)}); expected true or false")
        elif isinstance(value, bool) or not isinstance(value, int if key in WHOLE_NUMBERS else int | float):
            kind = "a whole number" if key in WHOLE_NUMBERS else "a number"
            raise SettingsError(f"{key} is {value!r} ({_kind(value)}); expected {kind}{_correction(key, value)}")


def _kind(value: object) -> str:
    """The kind of a value in a user's words."""
    return "text" if isinstance(value, str) else type(value).__name__


def _correction(key: str, value: object) -> str:
    """What to write where the value is a number in quotes; nothing for other values."""
    try:
        number = float(value) if isinstance(value, str | float) else None
        text = None if number is None else str(int(number)) if number == int(number) else str(number)
    except (ValueError, OverflowError):
        return ""
    return "" if text is None or (key in WHOLE_NUMBERS and "." in text) else f": write {key}={text}, without quotes"
