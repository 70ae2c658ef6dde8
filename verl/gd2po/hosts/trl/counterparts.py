"""The settings of verl that TRL has too, under other names: the files of a task say the same to both."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError

_ACTOR, _OPTIM = "actor_rollout_ref.actor", "actor_rollout_ref.actor.optim"
_MODEL, _ROLLOUT = "actor_rollout_ref.model", "actor_rollout_ref.rollout"

Fields = dict[str, Any]
"""Field of ``GRPOConfig`` → value."""


@dataclass(frozen=True)
class Counterpart:
    """Settings of verl, and the fields of ``GRPOConfig`` that follow from them.

    Attributes:
        keys: The dotted keys of verl's configuration.
        fields: A function of the values of the keys, in their order, that returns the fields; it raises
            ``SettingsError`` for a value that TRL does not know.
    """

    keys: tuple[str, ...]
    fields: Callable[..., Fields]


def _renamed(key: str, field: str) -> Counterpart:
    return Counterpart((key,), lambda value: {field: value})


def processes() -> int:
    """The number of training processes."""
    return int(os.environ.get("WORLD_SIZE", 1))


def updates_per_batch(prompts: int, mini_batch: int, epochs: int = 1) -> int:
    """The number of updates, which TRL calls steps, of one generation batch, which verl calls a step."""
    if prompts % mini_batch:
        raise SettingsError(
            f"data.train_batch_size is {prompts} and {_ACTOR}.ppo_mini_batch_size is {mini_batch}; the former has to "
            "be a multiple of the latter"
        )
    return prompts // mini_batch * epochs


def _batches(
    prompts: int, mini_batch: int, rollouts: int, rows: int | None, dynamic: bool, tokens: int, *lengths: int
) -> Fields:
    updates, share = updates_per_batch(prompts, mini_batch), mini_batch * rollouts / processes()
    if share % 1:
        raise SettingsError(
            f"{_ACTOR}.ppo_mini_batch_size {mini_batch} × {_ROLLOUT}.n {rollouts} rows do not divide among "
            f"{processes()} processes"
        )
    most = max(1, tokens // sum(lengths)) if dynamic else rows or int(share)
    per_pass = next(count for count in range(min(most, int(share)), 0, -1) if share % count == 0)
    passes = int(share) // per_pass
    return {
        "num_generations": rollouts,
        "per_device_train_batch_size": per_pass,
        "gradient_accumulation_steps": passes,
        "steps_per_generation": passes * updates,
    }


def _length(steps: int | None, epochs: int, *batch: int) -> Fields:
    return {"max_steps": steps * updates_per_batch(*batch)} if steps else {"num_train_epochs": epochs}


def _saving(every: int, kept: int | None, *batch: int) -> Fields:
    if every <= 0:
        return {"save_strategy": "no"}
    return {"save_strategy": "steps", "save_steps": every * updates_per_batch(*batch), "save_total_limit": kept}


def _evaluation(every: int, at_start: bool, answers: int, rollouts: int, *batch: int) -> Fields:
    fields: Fields = {"eval_on_start": at_start, "num_generations_eval": answers}
    fields["per_device_eval_batch_size"] = answers * max(1, rollouts * batch[1] // processes() // answers)
    return fields | (
        {"eval_strategy": "steps", "eval_steps": every * updates_per_batch(*batch)}
        if every > 0
        else {"eval_strategy": "no"}
    )


def _schedule(kind: str, steps: int, share: float, *batch: int) -> Fields:
    warmup = steps * updates_per_batch(*batch) if steps > 0 else share
    return {
        "lr_scheduler_type": f"{kind}_with_warmup" if warmup and kind == "constant" else kind,
        "warmup_steps": warmup,
    }


def _loss(mode: str) -> Fields:
    known = {"token-mean": "dapo", "seq-mean-token-mean": "grpo", "seq-mean-token-sum-norm": "dr_grpo"}
    if mode not in known:
        raise SettingsError(f"{_ACTOR}.loss_agg_mode is {mode!r}; TRL knows {', '.join(known)}")
    return {"loss_type": known[mode]}


def _divergence(used: bool, weight: float, kind: str) -> Fields:
    if used and kind not in ("low_var_kl", "k3"):
        key = f"{_ACTOR}.kl_loss_type"
        raise SettingsError(f"{key} is {kind!r}; TRL knows low_var_kl only: set {key}=low_var_kl")
    return {"beta": weight if used else 0.0}


def _engine(name: str, memory: float, parallel: int) -> Fields:
    if name not in ("vllm", "hf"):
        raise SettingsError(f"{_ROLLOUT}.name is {name!r}; TRL generates with vllm or with transformers (hf)")
    if name == "hf" or not torch.cuda.is_available():
        return {"use_vllm": False}
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": memory,
        "vllm_tensor_parallel_size": parallel,
    }


def _trackers(names: Sequence[str]) -> Fields:
    """The metrics are in a file and on the console in any case; TensorBoard is used where it is installed."""
    trackers = [name for name in names if name not in ("console", "file")]
    if find_spec("tensorboard") is None:
        trackers = [name for name in trackers if name != "tensorboard"]
    return {"report_to": trackers or "none"}


_BATCH = ("data.train_batch_size", f"{_ACTOR}.ppo_mini_batch_size")
_UPDATES = (*_BATCH, f"{_ACTOR}.ppo_epochs")

COUNTERPARTS: tuple[Counterpart, ...] = (
    _renamed("trainer.default_local_dir", "output_dir"),
    _renamed("trainer.experiment_name", "run_name"),
    Counterpart(("trainer.logger",), _trackers),
    Counterpart(("data.seed",), lambda seed: {} if seed is None else {"seed": seed, "data_seed": seed}),
    _renamed("data.shuffle", "shuffle_dataset"),
    _renamed("data.apply_chat_template_kwargs", "chat_template_kwargs"),
    Counterpart(
        (
            *(*_BATCH, f"{_ROLLOUT}.n", f"{_ACTOR}.ppo_micro_batch_size_per_gpu", f"{_ACTOR}.use_dynamic_bsz"),
            *(f"{_ACTOR}.ppo_max_token_len_per_gpu", "data.max_prompt_length", "data.max_response_length"),
        ),
        _batches,
    ),
    Counterpart(("trainer.total_training_steps", "trainer.total_epochs", *_UPDATES), _length),
    Counterpart(("trainer.save_freq", "trainer.max_actor_ckpt_to_keep", *_UPDATES), _saving),
    Counterpart(
        (
            *("trainer.test_freq", "trainer.val_before_train"),
            *(f"{_ROLLOUT}.val_kwargs.n", f"{_ROLLOUT}.n", *_UPDATES),
        ),
        _evaluation,
    ),
    _renamed("data.max_response_length", "max_completion_length"),
    Counterpart(
        (f"{_ROLLOUT}.name", f"{_ROLLOUT}.gpu_memory_utilization", f"{_ROLLOUT}.tensor_model_parallel_size"), _engine
    ),
    _renamed(f"{_ROLLOUT}.temperature", "temperature"),
    _renamed(f"{_ROLLOUT}.top_p", "top_p"),
    Counterpart((f"{_ROLLOUT}.top_k",), lambda count: {"top_k": max(0, count)}),
    _renamed(f"{_OPTIM}.lr", "learning_rate"),
    _renamed(f"{_OPTIM}.weight_decay", "weight_decay"),
    Counterpart((f"{_OPTIM}.betas",), lambda betas: {"adam_beta1": betas[0], "adam_beta2": betas[1]}),
    _renamed(f"{_OPTIM}.clip_grad", "max_grad_norm"),
    Counterpart(
        (
            *(f"{_OPTIM}.lr_scheduler_type", f"{_OPTIM}.lr_warmup_steps", f"{_OPTIM}.lr_warmup_steps_ratio"),
            *_UPDATES,
        ),
        _schedule,
    ),
    _renamed(f"{_ACTOR}.ppo_epochs", "num_iterations"),
    Counterpart((f"{_ACTOR}.loss_agg_mode",), _loss),
    _renamed(f"{_ACTOR}.clip_ratio_low", "epsilon"),
    _renamed(f"{_ACTOR}.clip_ratio_high", "epsilon_high"),
    _renamed(f"{_ACTOR}.clip_ratio_c", "delta"),
    Counterpart((f"{_ACTOR}.use_kl_loss", f"{_ACTOR}.kl_loss_coef", f"{_ACTOR}.kl_loss_type"), _divergence),
    _renamed(f"{_ACTOR}.entropy_coeff", "entropy_coef"),
    _renamed(f"{_MODEL}.enable_gradient_checkpointing", "gradient_checkpointing"),
    Counterpart(
        (f"{_MODEL}.trust_remote_code",),
        lambda trusted: {"model_init_kwargs": {"dtype": "float32", "trust_remote_code": trusted}},
    ),
)

_READ = (
    *("run.", "trl.", "algorithm.gd2po.", "reward.custom_reward_function.", "data.train_", "data.val_"),
    *("algorithm.adv_estimator", "algorithm.norm_adv_by_std_in_grpo", "algorithm.use_kl_in_reward"),
    *(f"{_MODEL}.path", "data.prompt_key", "data.max_prompt_length", "data.filter_overlong_prompts"),
    *("data.truncation", f"{_ROLLOUT}.val_kwargs.temperature", f"{_ROLLOUT}.val_kwargs.do_sample"),
    *("trainer.resume_", "trainer.project_name", "trainer.n_gpus_per_node", "trainer.nnodes"),
)
"""Beginnings of the keys that are read although they are no field of ``GRPOConfig``."""

_QUIET = ("model_engine", "ray_kwargs", f"{_ACTOR}.strategy", "trainer.rollout_data_dir")
"""Beginnings of the keys whose absence needs no word: Ray is not there, and rollouts lie in the run's folder anyhow."""


def trl_fields(config: DictConfig) -> Iterator[tuple[Mapping[str, Any], Fields]]:
    """For each counterpart its settings in verl with their values, and the fields in TRL.

    Args:
        config: The composed configuration.

    Raises:
        SettingsError: TRL does not know a value, or the batch does not divide.
    """
    for counterpart in COUNTERPARTS:
        values = {key: _plain(config, key) for key in counterpart.keys}
        yield values, counterpart.fields(*values.values())


def refuse_overrides(keys: Sequence[str]) -> None:
    """Refuse what a user has set and TRL has no counterpart of.

    Args:
        keys: The dotted keys of the overrides; names of groups have no dot.

    Raises:
        SettingsError: naming the first such key.
    """
    for key in keys:
        if "." in key and not has_counterpart(key):
            raise SettingsError(
                f"{key} has no counterpart in TRL; remove it, or set a field of GRPOConfig by trl.FIELD=VALUE"
            )


def refuse_values(config: DictConfig, keys: Sequence[str]) -> None:
    """Refuse settings that would change what is learned or measured, and that TRL cannot follow.

    Args:
        config: The composed configuration.
        keys: The dotted keys of the overrides.

    Raises:
        SettingsError: naming the key and what to do.
    """
    if config.algorithm.use_kl_in_reward:
        raise SettingsError(f"algorithm.use_kl_in_reward is true, which TRL does not do; use {_ACTOR}.use_kl_loss")
    if config.actor_rollout_ref.rollout.n < 2:
        raise SettingsError(
            f"{_ROLLOUT}.n is {config.actor_rollout_ref.rollout.n}; TRL needs at least 2 (4 to 16 are usual)"
        )
    sampling = {"temperature": config.actor_rollout_ref.rollout.temperature, "do_sample": True}
    for name, value in sampling.items():
        key = f"{_ROLLOUT}.val_kwargs.{name}"
        if key in keys and OmegaConf.select(config, key) != value:
            raise SettingsError(
                f"{key} is {OmegaConf.select(config, key)}, but TRL's evaluations sample as its training does; "
                f"remove it, or set {value}"
            )


def left_out(config: DictConfig) -> list[str]:
    """The keys that the files of the task set and that TRL has no counterpart of."""
    return [key for key in _leaves(config) if not has_counterpart(key) and not key.startswith(_QUIET)]


def has_counterpart(key: str) -> bool:
    """Whether a dotted key of verl says something in TRL."""
    return key.startswith(_READ) or any(key == known or key.startswith(f"{known}.") for known in _MAPPED)


_MAPPED = frozenset(key for counterpart in COUNTERPARTS for key in counterpart.keys)


def _plain(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _leaves(tree: Any, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, DictConfig):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
