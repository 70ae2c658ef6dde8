"""Each symbol of verl that this plug-in touches: what, why, since which version, until when.

verl has no hook where an estimator can see named rewards, so a few functions are wrapped. Every wrapper calls the
original; no body of verl is copied. :mod:`gd2po.integration.seam` puts the wrappers in place.
"""

from dataclasses import dataclass

VERL_MINIMUM, VERL_BELOW = "0.9.0", "0.10"
"""Supported verl: from the first release with ``verl.plugins`` up to, and not including, the next minor."""


@dataclass(frozen=True)
class HostSymbol:
    """One touched symbol.

    Attributes:
        module: where it lives.
        name: attribute path in the module.
        parameters: names of its parameters, in order, a last "*" for any more that only pass through; None where it is
            not callable by us.
        what: what we do with it.
        why: why there is no other way.
        until: what would have to exist in verl for this row to go.
        wrapper: ``module:function`` that takes the original and returns its replacement; None where we only call it.
        since: first verl version that has it in this shape.
    """

    module: str
    name: str
    parameters: tuple[str, ...] | None
    what: str
    why: str
    until: str
    wrapper: str | None = None
    since: str = VERL_MINIMUM

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_TRAINER = "verl.trainer.ppo.v1.trainer_base"
_LOOP = "verl.experimental.reward_loop.reward_loop"

HOST_SYMBOLS: tuple[HostSymbol, ...] = (
    HostSymbol(
        "verl.utils.config",
        "validate_config",
        ("config", "use_reference_policy", "use_critic"),
        "check algorithm.gd2po first",
        "it is the last call of verl's main before Ray starts",
        "verl calls a plug-in's own config check",
        "gd2po.integration.start:checked",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._compute_advantage",
        ("self", "batch", "metrics"),
        "remember its arguments during the call",
        "the estimator call inside it gets neither the trainer, the row tags nor the metrics",
        "verl passes the batch's fields to any estimator (its PR #7473)",
        "gd2po.integration.advantage:remember_step",
    ),
    HostSymbol(
        _TRAINER,
        "compute_advantage_for_multi_trajectories",
        (
            "data",
            "batch_keys",
            "adv_estimator",
            "gamma",
            "lam",
            "num_repeat",
            "norm_adv_by_std_in_grpo",
            "config",
        ),
        "answer for gdpo and gd2po; for grpo call the original and add metrics",
        "all three V1 trainer modes pass through it, and stock gdpo fails there with KeyError: 'prompts'",
        "verl passes the batch's fields to any estimator (its PR #7473)",
        "gd2po.integration.advantage:with_named_rewards",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._dump_generations",
        ("self", "inputs", "outputs", "gts", "scores", "reward_extra_infos_dict", "dump_path"),
        "add named scores, advantages and the mask to each row of the rollout dump",
        "the dump of training rollouts has the summed score only",
        "verl dumps reward_extra_info of training rollouts",
        "gd2po.integration.records:with_records",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._compute_metrics",
        ("self", "batch", "metrics", "timing_raw", "global_steps", "epoch"),
        "print a line about the step that a person can read, and warnings about its health",
        "verl's console line has over a hundred metrics",
        "verl calls a plug-in at the end of a step",
        "gd2po.integration.narration:narrated",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._val_metrics_update",
        (
            "self",
            "data_sources",
            "sample_uids",
            "reward_extra_infos_dict",
            "sample_turns",
            "*",  # expected_acc_counts from 0.9.1
        ),
        "raise the error that a reward function met during validation",
        "a reward function that raises would only lower the number of validated rows",
        "verl stops on a failing reward function",
        "gd2po.integration.reward_guard:raising_in_validation",
    ),
    HostSymbol(
        "verl.trainer.ppo.reward",
        "get_custom_reward_fn",
        ("config",),
        "fill in the total of the named scores where the function returns none",
        "verl's reward managers insist on a key 'score'",
        "the managers accept named scores alone",
        "gd2po.integration.reward_guard:with_total",
    ),
    HostSymbol(
        _LOOP,
        "RewardLoopWorker.compute_score",
        ("self", "data"),
        "check every returned score, and carry an error to the trainer with the sample that caused it",
        "verl logs a failing reward function and trains on the rows that are left",
        "verl stops on a failing reward function",
        "gd2po.integration.reward_guard:guarded",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._save_checkpoint",
        ("self",),
        "write beside each checkpoint which experiment it is of",
        "verl resumes whatever checkpoint lies in the folder, with whatever settings",
        "verl compares the configuration of a checkpoint with that of the run",
        "gd2po.integration.run_identity:identified",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._setup",
        ("self",),
        "remember the trainer during the call",
        "the reward loop made inside it gets the trainer's devices for verl's one reward model only",
        "verl starts several reward models",
        "gd2po.integration.reward_models.seams:knowing_the_trainer",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._compute_reward_colocate",
        ("self", "batch", "metrics"),
        "hand the columns of the data to the rewards, and put named scores into extra_fields",
        "rewards after the rollouts get the prompt alone, and verl's validation does not look where it stores them",
        "verl treats scores after the rollouts as those beside them",
        "gd2po.integration.reward_models.seams:keeping_named_scores",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer.step",
        ("self", "metrics", "timing_raw"),
        "save the last whole step when the rewards of the next fail",
        "verl ends without a checkpoint",
        "verl saves one when a step fails",
        "gd2po.integration.reward_models.rescue:rescuing",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._update_actor",
        ("self", "batch", "metrics"),
        "tell the workers with the batch whether rows without an advantage are left out",
        "their configuration has the actor's settings alone",
        "verl leaves out rows without an advantage",
        "gd2po.integration.skipping:flagging",
    ),
    HostSymbol(
        "verl.workers.engine.fsdp.transformer_impl",
        "prepare_micro_batches",
        (
            "data",
            "dp_group",
            "num_batches_divided_by",
            "same_micro_num_in_dp",
            "min_num_micro_batch",
            "use_dynamic_bsz_balance",
        ),
        "leave out rows without an advantage",
        "it is called after the tokens of the whole mini-batch are counted, and before anything is computed",
        "verl leaves out rows without an advantage",
        "gd2po.integration.skipping:without_masked_rows",
    ),
    HostSymbol(
        _LOOP,
        "RewardLoopManager._init_reward_loop_workers",
        ("self",),
        "start the named reward models before the workers that ask them",
        "verl has one reward model",
        "verl starts several reward models",
        "gd2po.integration.reward_models.seams:starting_models",
    ),
    HostSymbol(
        _LOOP,
        "RewardLoopManager.reward_loop_worker_handles",
        None,
        "answer None where a named model is colocated",
        "that is how verl's trainer knows to score after the rollouts",
        "verl starts several reward models",
        "gd2po.integration.reward_models.seams:without_workers_while_colocated",
    ),
    HostSymbol(
        _LOOP,
        "RewardLoopManager.compute_rm_score",
        ("self", "data"),
        "wake colocated models, and let them sleep again",
        "verl does so for its one reward model",
        "verl starts several reward models",
        "gd2po.integration.reward_models.seams:waking_models",
    ),
    HostSymbol(
        "verl.experimental.reward_loop.reward_model",
        "RewardModelManager._initialize_llm_servers",
        ("self",),
        "subclass RewardModelManager, one for each model",
        "it starts verl's server of a reward model",
        "never: public",
    ),
    HostSymbol(
        "verl.experimental.reward_loop.reward_model",
        "get_rollout_replica_class",
        ("rollout", "disaggregation_enabled"),
        "give the servers of each model a name suffix while they are made",
        "the Ray actors of a second model would have the names of the first",
        "RewardModelManager takes a name suffix",
    ),
    HostSymbol(
        "verl.experimental.reward_loop.reward_manager.naive",
        "NaiveRewardManager.run_single",
        ("self", "data"),
        "subclass it to ask named models beside the reward function",
        "it is the contract of a reward manager",
        "never: contract",
    ),
    HostSymbol(
        "verl.utils.checkpoint.checkpoint_manager",
        "find_latest_ckpt_path",
        ("path", "directory_format"),
        "find the checkpoint that a run would resume",
        "it is how verl itself will find it",
        "never: public",
    ),
    HostSymbol(
        "verl.utils.import_utils",
        "load_extern_object",
        ("module_path", "object_name"),
        "load the reward function before Ray starts, to compare the names it returns with the declared ones",
        "it is how verl itself will load it",
        "never: public",
    ),
    HostSymbol(
        "transfer_queue",
        "kv_batch_get",
        ("keys", "partition_id", "select_fields"),
        "fetch the named scores of a batch",
        "the V1 trainer leaves them in the TransferQueue field extra_fields",
        "never: public",
        since="TransferQueue 0.1.10",
    ),
    HostSymbol(
        "verl.trainer.sft_trainer",
        "SFTTrainer._build_dataloader",
        ("self",),
        "subclass SFTTrainer for the warm start, and give its sampler the seed of the run",
        "it draws the order of the demonstrations from a fixed seed",
        "verl hands trainer.seed to its sampler",
    ),
    HostSymbol(
        "verl.trainer.sft_trainer",
        "create_sft_dataset",
        ("data_paths", "data_config", "tokenizer", "processor", "max_samples"),
        "tokenise the demonstrations before a warm start as its trainer will",
        "a demonstration that is too long would end the run at its batch",
        "verl checks a data set before it trains on it",
    ),
    HostSymbol(
        "verl.utils.dataset.multiturn_sft_dataset",
        "MultiTurnSFTDataset.__getitem__",
        ("self", "item"),
        "read input_ids and loss_mask of a row, and the attributes messages, dataframe and tokenizer",
        "it is what create_sft_dataset gives",
        "verl checks a data set before it trains on it",
    ),
    HostSymbol(
        "verl.utils.config",
        "omega_conf_to_dataclass",
        ("config", "dataclass_type"),
        "get the tokenizer of a model as verl's trainer will",
        "a chat template may be set there",
        "never: public",
    ),
    HostSymbol(
        "verl.utils.device",
        "auto_set_device",
        ("config",),
        "call it first in each process of a warm start",
        "verl's own SFT command does",
        "never: public",
    ),
    HostSymbol(
        "verl.utils.distributed",
        "initialize_global_process_group",
        ("timeout_second",),
        "join the processes of a warm start; on CPU it is replaced by one with plain gloo",
        "it joins cpu:gloo with the device's backend, and torch refuses cpu named twice",
        "verl ships a CPU platform",
    ),
    HostSymbol(
        "verl.utils.distributed",
        "destroy_global_process_group",
        (),
        "part the processes of a warm start",
        "verl's own SFT command does",
        "never: public",
    ),
    HostSymbol(
        "verl.plugin.platform",
        "PlatformRegistry.register",
        ("platform",),
        "register a platform named cpu",
        "verl has none, and otherwise takes a machine without accelerator for one with CUDA",
        "verl ships a CPU platform",
    ),
    HostSymbol(
        "verl.plugin.platform",
        "PlatformBase",
        (),
        "subclass it for the cpu platform",
        "it is the contract of a platform",
        "verl ships a CPU platform",
    ),
    HostSymbol(
        "verl.utils.distributed",
        "initialize_global_process_group_ray",
        ("timeout_second", "backend"),
        "make plain gloo its default backend on CPU",
        "it joins cpu:gloo with the device's backend, and torch refuses cpu named twice",
        "verl ships a CPU platform",
    ),
    HostSymbol(
        "verl.workers.engine.base",
        "EngineRegistry.get_engine_cls",
        ("model_type", "backend"),
        "set VERL_ENGINE_DEVICE=cuda, which it reads, on CPU",
        "the FSDP engine is device-agnostic, but registered for cuda and npu only",
        "verl registers it for cpu",
    ),
    HostSymbol(
        "verl.workers.engine.fsdp.transformer_impl",
        "CPUOffloadPolicy",
        None,
        "replace it on CPU by a function that returns no policy",
        "a reference policy would be pinned in host memory, which needs an accelerator",
        "verl asks for it only where there is one",
    ),
    HostSymbol(
        "verl.workers.rollout.base",
        "_ROLLOUT_REGISTRY",
        None,
        "add the transformers rollout",
        "it is the only door for a rollout's weight receiver",
        "verl makes a public register function",
    ),
    HostSymbol(
        "verl.workers.rollout.base",
        "BaseRollout.update_weights",
        ("self", "weights", "wire_format", "kwargs"),
        "subclass BaseRollout to hand new weights to our server",
        "it is the contract of a rollout",
        "never: contract",
    ),
    HostSymbol(
        "verl.workers.rollout.replica",
        "RolloutReplicaRegistry.register",
        ("name", "loader"),
        "register the transformers rollout server",
        "it is verl's door for servers",
        "never: public",
    ),
    HostSymbol(
        "verl.workers.rollout.replica",
        "RolloutReplica.launch_servers",
        ("self",),
        "subclass RolloutReplica to start our server",
        "it is the contract of a server",
        "never: contract",
    ),
    HostSymbol(
        "verl.trainer.ppo.v1.replay_buffer",
        "ReplayBuffer.__init__",
        (
            "self",
            "trainer_mode",
            "trainer_config",
            "max_off_policy_threshold",
            "max_off_policy_strategy",
            "sampler_kwargs",
            "poll_interval",
            "refill_fn",
            "filter_groups_metric",
            "train_batch_size",
            "gen_batch_size",
            "max_inflight_gen_batches",
            "sync_refill_failed_groups",
        ),
        "subclass it through trainer.v1.sampler.custom_sampler, to look for rollouts every 50 ms on CPU",
        "its 2 s interval is longer than a step of a small model",
        "verl makes poll_interval a setting",
    ),
)
