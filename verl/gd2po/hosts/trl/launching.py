"""A task trained by TRL: the files of settings that verl gets, composed without verl, and its data and rewards."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gd2po.cpu_attention import use_cpu_attention
from gd2po.cpu_precision import choose_precision
from gd2po.errors import SettingsError, nearest
from gd2po.hosts.composing import TaskFiles, compose_task, refusals_of_hydra
from gd2po.hosts.trl.counterparts import left_out, refuse_overrides, refuse_values, trl_fields
from gd2po.hosts.trl.prompts import load_prompts, without_long_prompts
from gd2po.hosts.trl.reading import read_settings
from gd2po.hosts.trl.row_functions import by_row
from gd2po.hosts.trl.trainer import GRPOConfig, MultiRewardGRPOTrainer
from gd2po.plugins import load_module
from gd2po.pretrained.shape import count_weights
from gd2po.runs.files import settings_text

logger = logging.getLogger(__name__)

HOST = "pkg://gd2po.hosts.trl.config"
"""The place of the settings of verl that TRL has too."""

_OURS = {"logging_steps": 1, "log_completions": True, "num_completions_to_print": 0, "disable_tqdm": True}
"""Fields of ``GRPOConfig`` of each run: verl logs each step and dumps each rollout, too."""


def launch(arguments: Sequence[str]) -> None:
    """Train a task by TRL in this process, or in one process for each GPU.

    Args:
        arguments: ``--config-dir FOLDER --config-name NAME`` and Hydra's overrides, as verl's trainer takes them;
            ``--cfg job`` prints the composed configuration and starts nothing.

    Raises:
        SettingsError: the configuration cannot be run as it stands.
        DataError: the data cannot be used.
    """
    parser = argparse.ArgumentParser(prog="gd2po train --host trl", description="Train a task by TRL's trainer.")
    parser.add_argument("--config-dir", type=Path, required=True, help="folder of the task's configuration")
    parser.add_argument("--config-name", default="base", help="its main file")
    parser.add_argument("--cfg", choices=["job"], help="print the composed configuration and start nothing")
    parser.add_argument("overrides", nargs="*", help="Hydra's overrides")
    options = parser.parse_args(arguments)
    config = compose(options.config_dir, options.config_name, options.overrides)
    if options.cfg:
        sys.stdout.write(OmegaConf.to_yaml(config))
    elif more := _processes_to_start(config):
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={more}", "-m", "gd2po.cli"]
        os.environ["PYTHONSAFEPATH"] = "1"
        os.execv(sys.executable, [sys.executable, "-P", *command, "train", "--host", "trl", *arguments])
    else:
        train(config)


def compose(folder: Path, name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration of a run.

    Args:
        folder: The folder of the task's configuration.
        name: The name of its main file.
        overrides: Hydra's overrides; ``trl.FIELD=VALUE`` sets any field of ``GRPOConfig``.

    Raises:
        SettingsError: Hydra refuses them, or TRL has no counterpart of an override.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with refusals_of_hydra():
        keys = [override.key_or_group for override in OverridesParser.create().parse_overrides(list(overrides))]
    refuse_overrides(keys)
    added = [f"+{word}" if word.startswith("trl.") else word for word in overrides]
    config = compose_task(TaskFiles(folder, name, HOST, added))
    refuse_values(config, keys)
    return config


def make_trainer(config: DictConfig) -> MultiRewardGRPOTrainer:
    """The trainer of a composed run.

    Raises:
        SettingsError: a setting is wrong, or the reward function cannot be loaded.
        DataError: the data cannot be used.
    """
    from transformers import AutoTokenizer, PrinterCallback

    plain: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]
    block = dict(plain["algorithm"].get("gd2po") or {})
    if not config.algorithm.norm_adv_by_std_in_grpo:
        block = {"norm_by_std": False, **block}
    settings = read_settings({**block, "estimator": config.algorithm.adv_estimator})
    model, data, fields = config.actor_rollout_ref.model, plain["data"], grpo_fields(config)
    tokenizer = AutoTokenizer.from_pretrained(
        model.path, padding_side="left", trust_remote_code=model.trust_remote_code
    )
    for attribute in ("response_template", "response_schema"):  # by which TRL would take tool calls out of the text
        if getattr(tokenizer, attribute, None) is not None:
            setattr(tokenizer, attribute, None)
    rows = {"train": _prompts(data, "train")}
    if fields["eval_on_start"] or fields["eval_strategy"] != "no":
        rows["eval"] = _prompts(data, "val")
    rows = {name: without_long_prompts(some, tokenizer, data) for name, some in rows.items()}
    trainer = MultiRewardGRPOTrainer(
        model.path,
        settings,
        reward_function(config),
        GRPOConfig(**fields),
        train_dataset=rows["train"],
        eval_dataset=rows.get("eval"),
        processing_class=tokenizer,
    )
    if trainer.args.use_cpu and trainer.args.bf16:
        use_cpu_attention(trainer.model)
    if trainer.args.disable_tqdm:
        trainer.remove_callback(PrinterCallback)  # it prints all metrics of a step in one line
    return trainer


def _prompts(data: Mapping[str, Any], kind: str) -> Any:
    return load_prompts(data[f"{kind}_files"], data["prompt_key"], data[f"{kind}_max_samples"], data["seed"])


def train(config: DictConfig) -> None:
    """Train a composed run to its end; from its last checkpoint, where there is one.

    Raises:
        SettingsError, DataError: as for :func:`make_trainer`.
    """
    checkpoint = _checkpoint(config.trainer)
    trainer = make_trainer(config)
    last = trainer.args.max_steps
    if checkpoint and json.loads((Path(checkpoint) / "trainer_state.json").read_text())["global_step"] >= last > 0:
        sys.stdout.write(f"step {last} of {last} is trained already: {checkpoint}\n")
        return
    if trainer.accelerator.is_main_process:
        sys.stdout.write(description(config, trainer))
        _save_config(config, Path(trainer.args.output_dir))
    os.environ.setdefault("WANDB_PROJECT", config.trainer.project_name)
    trainer.train(resume_from_checkpoint=checkpoint)


def grpo_fields(config: DictConfig) -> dict[str, Any]:
    """The fields of ``GRPOConfig`` of a run: ours, the counterparts of verl's settings, and those of the block ``trl``.

    Raises:
        SettingsError: TRL does not know a value or a field, or the batch does not divide.
    """
    fields = {
        **_OURS,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": _computes_in_bfloat16(config.actor_rollout_ref.model.path),
    }
    for _, counterparts in trl_fields(config):
        fields |= counterparts
    known = GRPOConfig.__dataclass_fields__
    own: dict[str, Any] = OmegaConf.to_container(config.trl)  # type: ignore[assignment]
    for name in own:
        if name not in known:
            raise SettingsError(f"trl.{name} is no field of GRPOConfig.{nearest(name, known)}")
    return fields | own


def _computes_in_bfloat16(model: str) -> bool:
    """Whether passes are computed in bfloat16; the weights and the optimiser are float32 in either case."""
    if torch.cuda.is_available():
        return True
    choice = choose_precision(count_weights(model))
    logger.warning("computing in %s: %s", choice.precision, choice.why)
    return choice.precision == "bfloat16"


def description(config: DictConfig, trainer: MultiRewardGRPOTrainer) -> str:
    """What a run will do, in lines for the user."""
    own = set(config.trl)
    lines = ["gd2po settings of this run:", settings_text(trainer.settings), "verl's settings in TRL:"]
    shown: set[str] = set()
    for values, fields in trl_fields(config):
        said = ", ".join(
            f"{key}={_short(value)}" for key, value in values.items() if key not in shown or len(values) == 1
        )
        shown |= values.keys()
        meant = ", ".join(f"{name}={_short(value)}" for name, value in fields.items() if name not in own)
        lines.append(f"  {said or 'the same'} → {meant or 'as it is'}")
    lines += [f"  trl.{name}={_short(value)}" for name, value in config.trl.items()]
    lines.append(f"no counterpart in TRL: {', '.join(left_out(config)) or 'none'}")
    if trainer.eval_dataset is not None:
        lines.append(f"evaluations sample at the temperature of the training, {trainer.args.temperature:g}")
    return "\n".join(lines) + "\n"


def reward_function(config: DictConfig) -> Any:
    """The reward function of the task, called for each response as verl calls it; None where models give all rewards.

    Raises:
        SettingsError: its module or its name is not there.
    """
    chosen = config.reward.custom_reward_function
    if not chosen.path:
        return None
    key = "reward.custom_reward_function"
    module = load_module(chosen.path.removeprefix("pkg://").removeprefix("file://"), f"{key}.path")
    if not callable(getattr(module, chosen.name, None)):
        functions = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise SettingsError(
            f"{key}.name is {chosen.name!r}, which is no function of {chosen.path}.{nearest(chosen.name, functions)}"
        )
    return by_row(getattr(module, chosen.name), **(chosen.get("reward_kwargs") or {}))


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _processes_to_start(config: DictConfig) -> int:
    """The number of processes to start, one for each GPU of the node; 0 where this process trains."""
    trainer = config.trainer
    if "WORLD_SIZE" in os.environ or not torch.cuda.is_available():
        return 0
    if trainer.nnodes > 1:
        raise SettingsError(
            f"trainer.nnodes is {trainer.nnodes}; start gd2po train --host trl by torchrun or accelerate launch on each"
        )
    if trainer.n_gpus_per_node > torch.cuda.device_count():
        raise SettingsError(
            f"trainer.n_gpus_per_node is {trainer.n_gpus_per_node}, but this machine has {torch.cuda.device_count()}; "
            "choose scale=1gpu, or set it"
        )
    return trainer.n_gpus_per_node if trainer.n_gpus_per_node > 1 or torch.cuda.device_count() > 1 else 0


def _checkpoint(trainer: DictConfig) -> str | None:
    """The checkpoint to go on from.

    Raises:
        SettingsError: ``resume_mode`` is no mode of verl's, or there is no such folder.
    """
    from transformers.trainer_utils import get_last_checkpoint

    if trainer.resume_mode == "disable":
        return None
    if trainer.resume_mode == "auto":
        folder = Path(trainer.default_local_dir)
        return get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if trainer.resume_mode != "resume_path":
        raise SettingsError(f"trainer.resume_mode is {trainer.resume_mode!r}; expected auto, disable or resume_path")
    if not Path(str(trainer.resume_from_path)).is_dir():
        raise SettingsError(f"trainer.resume_from_path: there is no folder {trainer.resume_from_path}")
    return str(trainer.resume_from_path)


def _save_config(config: DictConfig, folder: Path) -> None:
    """Keep the composed configuration where a run in verl keeps its own."""
    place = folder / "hydra" / datetime.now().strftime("%F_%H-%M-%S") / ".hydra"
    place.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, place / "config.yaml")
