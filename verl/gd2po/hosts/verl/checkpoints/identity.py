"""Which experiment a checkpoint belongs to, so that none is continued by another.

verl resumes whatever lies in a run's folder (``trainer.resume_mode=auto``). Each checkpoint therefore gets a file with
the settings that make the experiment, and before Ray starts they are compared with those of the new run. Settings of
the machine and of the schedule may differ: nodes, memory, steps, logging, validation.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.files import write_whole
from gd2po.hosts.verl.reading.run_settings import describe, settings_of
from gd2po.settings import Settings

IDENTITY_FILE = "gd2po_identity.json"
WORKERS = "workers"
"""Key of the number of training processes, which is no setting of its own."""

_ROLLOUT = "actor_rollout_ref.rollout"

_EXPERIMENT = (
    *("run.*", "algorithm.*", "data.*", "trainer.v1.trainer_mode"),
    *("reward.custom_reward_function.*", "reward.reward_manager.*"),
    *("reward.reward_model.enable", "reward.reward_model.model_path"),
    *("actor_rollout_ref.model.*", "actor_rollout_ref.actor.*"),
    *(f"{_ROLLOUT}.{key}" for key in ("n", "temperature", "top_k", "top_p", "do_sample", "ignore_eos", "seed")),
    *(f"{_ROLLOUT}.multi_turn.*", f"{_ROLLOUT}.agent.default_agent_loop", f"{_ROLLOUT}.agent.agent_loop_config_path"),
)
"""What makes an experiment …"""

_SERVING = ("placement", "url", "engine", "replicas", "tensor_parallel", "gpu_memory", "timeout", "retries")

_MAY_CHANGE = (
    *("*._target_", "run.scale", "data.val_*", "data.validation_shuffle", "*workers", "*.use_shm"),
    *("data.gen_batch_size", "actor_rollout_ref.actor.rollout_n"),  # set by verl, and by rollout.n
    *("*micro_batch_size*", "*.use_dynamic_bsz", "*max_token_len_per_gpu", "*.optim.total_training_steps"),
    *("*.fsdp_config.*", "*.checkpoint.*", "*.profiler.*", "*offload*", "*.enable_gradient_checkpointing"),
    *("*.use_torch_compile", "*.use_remove_padding", "*.use_fused_kernels", "*.fused_kernel_options.*", "*.use_liger"),
    *("*.ulysses_sequence_parallel_size", "*.entropy_from_logits_*", "*.entropy_checkpointing", "*.tiled_mlp.*"),
    *(f"algorithm.gd2po.rewards.*.model.{key}" for key in _SERVING),
    *("*.pad_to_length*", "*.use_prefix_grouper", "*.attn_implementation"),
)
"""… but for the machine it runs on, memory, logging and validation."""


def check(config: DictConfig, settings: Settings) -> None:
    """Refuse to resume a checkpoint of another experiment.

    Raises:
        SettingsError: with a table of the settings that differ, and what to do.
    """
    checkpoint = _resumed(config)
    if checkpoint is None:
        return
    file = checkpoint / IDENTITY_FILE
    if not file.is_file():
        raise SettingsError(
            f"{checkpoint} does not say which experiment it is of (there is no {IDENTITY_FILE}), and "
            f"trainer.resume_mode=auto would continue it.\n{_remedies(checkpoint)}"
        )
    _compare(checkpoint, json.loads(file.read_text(encoding="utf-8")), identity_of(config, settings))


def _compare(checkpoint: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    differing = [key for key in sorted({*then, *now} - {WORKERS}) if then.get(key) != now.get(key)]
    if differing:
        raise SettingsError(
            f"{checkpoint} is of another experiment, and trainer.resume_mode=auto would continue it with other "
            f"settings:\n\n{_table(differing, then, now)}\n\n{_remedies(checkpoint)}"
        )
    if then[WORKERS] != now[WORKERS]:
        raise SettingsError(
            f"{checkpoint} was saved by {then[WORKERS]} training processes, and this run has {now[WORKERS]}; only as "
            "many can load verl's FSDP checkpoints. Choose trainer.nnodes and trainer.n_gpus_per_node accordingly, or "
            "give this run a name of its own: run.method=…"
        )


def identity_of(config: DictConfig, settings: Settings) -> dict[str, Any]:
    """Dotted key → value of every setting that makes the experiment; defaults of ``algorithm.gd2po`` filled in."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    plain["algorithm"]["gd2po"] = describe(settings)
    sharded = config.actor_rollout_ref.actor.strategy in ("fsdp", "fsdp2")
    workers = config.trainer.nnodes * config.trainer.n_gpus_per_node if sharded else None
    return {key: value for key, value in _leaves(plain) if _identifies(key)} | {WORKERS: workers}


def identified(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._save_checkpoint``: the folder says which experiment it is of before anything else is in it."""

    @functools.wraps(original)
    def _save_checkpoint(self: Any) -> None:
        settings = settings_of(self.config)
        if settings is not None:
            folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
            identity = json.dumps(identity_of(self.config, settings), indent=1, sort_keys=True)
            write_whole(folder / IDENTITY_FILE, identity + "\n")
        original(self)

    return _save_checkpoint


def _resumed(config: DictConfig) -> Path | None:
    """The checkpoint that verl would load without being told which."""
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    if config.trainer.resume_mode != "auto":
        return None
    with contextlib.redirect_stdout(None):  # it prints, and verl will call it again
        found = find_latest_ckpt_path(config.trainer.default_local_dir)
    return Path(found) if found else None


def _identifies(key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in _EXPERIMENT) and not any(
        fnmatchcase(key, pattern) for pattern in _MAY_CHANGE
    )


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _table(keys: list[str], then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    rows = [("setting", "then", "now"), *((key, _shown(then.get(key)), _shown(now.get(key))) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {key:{widths[0]}}  {old:{widths[1]}}  {new}".rstrip() for key, old, new in rows)


def _shown(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _remedies(checkpoint: Path) -> str:
    return (
        "Give this run a name of its own: run.method=…, or trainer.experiment_name=…\n"
        "Start over in the same folder: trainer.resume_mode=disable\n"
        f"Continue all the same: trainer.resume_mode=resume_path trainer.resume_from_path={checkpoint}"
    )
