"""Refusals of splits that cannot work, each with the remedy. verl fails on most of them only after its start."""

import math
from collections.abc import Iterator

from omegaconf import DictConfig

from gd2po.hosts.verl.preflight.plan.layout import GpuLayout, RewardPlacement
from gd2po.hosts.verl.preflight.plan.schedule import rows_of
from gd2po.pretrained.shape import ModelShape

_ACTOR, _ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"


def impossible(config: DictConfig, layout: GpuLayout, shape: ModelShape | None) -> Iterator[str]:
    """Every refusal in words. Refusals about heads and layers need the shape of the model."""
    yield from _of_gpus(layout)
    if layout.world % layout.model_parallel == 0:
        yield from _of_batches(config, layout)
    yield from _of_lengths(config, layout, shape)
    if shape is not None:
        yield from _of_heads(layout, shape)
    for model in layout.rewards:
        yield from _of_reward_model(model, layout)


def _of_gpus(layout: GpuLayout) -> Iterator[str]:
    cluster = f"trainer.nnodes × trainer.n_gpus_per_node is {layout.nodes} × {layout.gpus_per_node} = {layout.world}"
    if layout.world % layout.model_parallel:
        yield (
            f"{cluster}, which is no multiple of tensor × pipeline × sequence parallelism "
            f"({layout.tensor} × {layout.pipeline} × {layout.sequence} = {layout.model_parallel}) in training; choose "
            f"parallelism among the divisors of {layout.world}: {_divisors(layout.world)}"
        )
    if layout.world % layout.replica:
        yield (
            f"{cluster}, which is no multiple of the {layout.replica} GPUs of a rollout replica "
            f"({_ROLLOUT}.tensor_model_parallel_size × data_parallel_size); choose one of {_divisors(layout.world)}"
        )
    if layout.world % layout.shards:
        yield (
            f"{cluster}, which is no multiple of {_ACTOR}.fsdp_config.fsdp_size={layout.shards}; choose one of "
            f"{_divisors(layout.world)}, or -1 for all"
        )


def _of_batches(config: DictConfig, layout: GpuLayout) -> Iterator[str]:
    n, mini = config.actor_rollout_ref.rollout.n, config.actor_rollout_ref.actor.ppo_mini_batch_size
    prompts, parts = config.data.train_batch_size, _parts(config)
    if mini * n % layout.data_parallel:
        unit = layout.data_parallel // math.gcd(layout.data_parallel, n)
        yield (
            f"{_ACTOR}.ppo_mini_batch_size={mini} prompts × rollout.n={n} are {mini * n} rows, which cannot be shared "
            f"equally by {layout.data_parallel} data-parallel workers; set it to a multiple of {unit}, such as "
            f"{_near(mini, unit)}"
        )
    if (rows := rows_of(config.data)) is not None and rows < prompts:
        yield (
            f"data.train_files have {rows:,} prompts, which do not fill one batch of data.train_batch_size={prompts}: "
            "the run would end without a step; lower it, or add prompts"
        )
    if prompts % parts:
        yield (
            f"data.train_batch_size={prompts} is no multiple of trainer.v1.separate_async.parameter_sync_step={parts}; "
            f"set it to {_near(prompts, parts)}"
        )
    elif prompts // parts % mini:
        rows = -(-prompts // parts // mini) * mini * n - prompts // parts * n
        yield (
            f"data.train_batch_size={prompts} is no multiple of {parts * mini} ({_ACTOR}.ppo_mini_batch_size={mini}"
            f"{f' × parameter_sync_step={parts}' if parts > 1 else ''}), so mini-batches would cut groups and verl "
            f"would fill each up with {rows} empty rows; set train_batch_size to {_near(prompts, parts * mini)}, or "
            f"ppo_mini_batch_size to a divisor of {prompts // parts}"
        )


def _parts(config: DictConfig) -> int:
    """The number of batches that verl makes of one step's prompts."""
    separate = config.trainer.v1.trainer_mode == "separate_async"
    return int(config.trainer.v1.separate_async.parameter_sync_step) if separate else 1


def _of_lengths(config: DictConfig, layout: GpuLayout, shape: ModelShape | None) -> Iterator[str]:
    data, actor, rollout = config.data, config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    row = data.max_prompt_length + data.max_response_length
    lengths = (
        f"data.max_prompt_length + data.max_response_length is {data.max_prompt_length} + {data.max_response_length}"
    )
    if rollout.max_model_len and rollout.max_model_len < row:
        yield f"{lengths} = {row}, but {_ROLLOUT}.max_model_len is {rollout.max_model_len}; set it to {row} or more"
    if shape is not None and shape.positions and shape.positions < row:
        yield f"{lengths} = {row}, but the model has {shape.positions} positions; lower one of the two lengths"
    budget = actor.ppo_max_token_len_per_gpu * layout.sequence
    if actor.use_dynamic_bsz and budget < row:
        yield (
            f"{lengths} = {row}, but a micro-batch holds {budget} tokens ({_ACTOR}.ppo_max_token_len_per_gpu="
            f"{actor.ppo_max_token_len_per_gpu}"
            f"{f' × {layout.sequence} that share a sequence' if layout.sequence > 1 else ''}), and verl would stop at "
            f"the first longer row; set it to {-(-row // layout.sequence)} or more"
        )


def _of_heads(layout: GpuLayout, shape: ModelShape) -> Iterator[str]:
    yield from _shared_heads(f"{_ROLLOUT}.tensor_model_parallel_size", layout.rollout_tensor, shape)
    yield from _shared_heads(f"{_ACTOR}.megatron.tensor_model_parallel_size", layout.tensor, shape)
    if layout.strategy == "megatron":
        if shape.layers % layout.pipeline:
            yield (
                f"{_ACTOR}.megatron.pipeline_model_parallel_size is {layout.pipeline}, but the model has "
                f"{shape.layers} layers; choose one of {_divisors(shape.layers)}"
            )
    else:
        yield from _shared_heads(f"{_ACTOR}.ulysses_sequence_parallel_size", layout.sequence, shape)


def _shared_heads(key: str, size: int, shape: ModelShape) -> Iterator[str]:
    """Query heads must divide evenly; key and value heads too, or be copied a whole number of times."""
    sizes = [size for size in range(1, shape.heads + 1) if _heads_fit(size, shape)]
    if size not in sizes:
        yield (
            f"{key} is {size}, but the model has {shape.heads} attention heads and {shape.kv_heads} of keys and "
            f"values, which do not share among {size} GPUs; choose one of {', '.join(map(str, sizes))}"
        )


def _heads_fit(size: int, shape: ModelShape) -> bool:
    return shape.heads % size == 0 and (shape.kv_heads % size == 0 or size % shape.kv_heads == 0)


def _of_reward_model(model: RewardPlacement, layout: GpuLayout) -> Iterator[str]:
    key = f"algorithm.gd2po.rewards.{model.name}.model"
    if model.placement == "colocated" and layout.world % model.tensor_parallel:
        yield (
            f"{key}.tensor_parallel is {model.tensor_parallel}, but it is colocated with a trainer on {layout.world} "
            f"GPUs; choose one of {_divisors(layout.world)}, or placement: own_gpus"
        )


def _divisors(number: int) -> str:
    return ", ".join(str(divisor) for divisor in range(1, number + 1) if number % divisor == 0)


def _near(number: int, unit: int) -> str:
    below, above = number // unit * unit, -(-number // unit) * unit
    return f"{below} or {above}" if below else str(above)
