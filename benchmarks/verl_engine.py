"""verl's own actor worker (FSDP2), outside Ray: a small policy, mini-batches of random rollouts, several processes.

On CPU where there is no accelerator. Shared by `actor_update.py` and `actor_gradients.py`.
"""

import argparse
import dataclasses
import functools
import os
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

VOCABULARY = 4096


def parser(description: str) -> argparse.ArgumentParser:
    """Options of policy and batch."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", type=int, default=1, help="data-parallel workers")
    options.add_argument("--rows", type=int, default=32, help="of a mini-batch, over all workers")
    options.add_argument("--tokens", type=int, default=1024, help="longest response; lengths are log-normal")
    options.add_argument("--hidden", type=int, default=128, help="width of the policy")
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--kept", type=float, nargs="+", default=[1.0, 0.75, 0.5, 0.25])
    options.add_argument("--loss-mode", default="vanilla")
    options.add_argument("--fixed", action="store_true", help="micro-batches of 2 rows instead of by tokens")
    options.add_argument("--seed", type=int, default=0)
    return options


def launch(work: Callable[..., None], chosen: argparse.Namespace) -> None:
    """Run ``work(rank, chosen, port, folder)`` in as many processes as there are workers; the policy is in folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads take the cores from each other
    with TemporaryDirectory() as folder:
        make_policy(Path(folder), chosen)
        torch.multiprocessing.spawn(work, (chosen, port, folder), nprocs=chosen.workers)


def make_policy(folder: Path, chosen: argparse.Namespace) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM, logging, set_seed

    from gd2po.quickstart.tokenizer import train_tokenizer

    logging.disable_progress_bar()
    set_seed(chosen.seed)
    tokenizer = train_tokenizer(["a b c"], 320)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=chosen.hidden,
        intermediate_size=4 * chosen.hidden,
        num_hidden_layers=chosen.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def join(rank: int, chosen: argparse.Namespace, port: int) -> None:
    """Make this process one of the workers."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(chosen.workers)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RAY_LOCAL_WORLD_SIZE": str(chosen.workers)}
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // chosen.workers))
    from gd2po.hosts.verl import cpu

    cpu.stand_alone()


def set_loss(worker: Any, actor: Any, mode: str) -> None:
    """verl's loss of an actor, with this way of averaging."""
    from verl.workers.utils.losses import ppo_loss

    worker.set_loss_fn(functools.partial(ppo_loss, config=dataclasses.replace(actor, loss_agg_mode=mode)))


def build_worker(chosen: argparse.Namespace, folder: str) -> tuple[Any, Any]:
    """verl's training worker, as its actor has it, and the actor's settings; a learning rate of 0 keeps the weights."""
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.config import TrainingWorkerConfig
    from verl.workers.engine_workers import TrainingWorker

    config = compose(chosen, folder)
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    actor.model_config = omega_conf_to_dataclass(config.actor_rollout_ref.model)
    engine = actor.engine
    engine.use_dynamic_bsz, engine.micro_batch_size_per_gpu = not chosen.fixed, 2
    engine.max_token_len_per_gpu = actor.ppo_max_token_len_per_gpu
    engine.infer_max_token_len_per_gpu = actor.ppo_max_token_len_per_gpu
    engine.infer_micro_batch_size_per_gpu = 2
    worker = TrainingWorker(
        TrainingWorkerConfig(
            model_type="language_model",
            model_config=actor.model_config,
            engine_config=engine,
            optimizer_config=actor.optim,
            checkpoint_config=actor.checkpoint,
        )
    )
    worker.reset()
    return worker, actor


def compose(chosen: argparse.Namespace, folder: str) -> Any:
    """verl's configuration for this policy and batch."""
    from hydra import compose, initialize_config_module

    from gd2po.hosts.verl.cpu.platform import is_selected
    from gd2po.hosts.verl.cpu.settings import prepare_config

    settings = {
        "strategy": "fsdp2",
        "optim.lr": 0,
        "optim.total_training_steps": 1000,
        "policy_loss.loss_mode": chosen.loss_mode,
        "ppo_micro_batch_size_per_gpu": 2,
        "use_dynamic_bsz": not chosen.fixed,
        "ppo_mini_batch_size": chosen.rows,
        "ppo_max_token_len_per_gpu": 2 * chosen.tokens,
        "loss_scale_factor": 1024,
    }
    overrides = [f"actor_rollout_ref.actor.{key}={value}" for key, value in settings.items()]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides=[f"actor_rollout_ref.model.path={folder}", *overrides])
    if is_selected():
        prepare_config(config)
    return config


def mini_batch(chosen: argparse.Namespace, rank: int, kept: float, skip: bool) -> Any:
    """The rows of one worker: random tokens, log-normal lengths, advantages in a share of the rows."""
    from tensordict import NonTensorData
    from verl.utils import tensordict_utils as tu

    from gd2po.hosts.verl.door.ours import SKIP_MASKED

    draw = torch.Generator().manual_seed(chosen.seed)
    lengths = torch.empty(chosen.rows).log_normal_(5.5, 0.6, generator=draw).long().clamp(8, chosen.tokens).tolist()
    informative = torch.rand(chosen.rows, generator=draw).argsort() < round(kept * chosen.rows)
    scalars = torch.randn(chosen.rows, generator=draw) * informative
    columns: dict[str, list[torch.Tensor]] = {}
    for length, scalar in zip(lengths, scalars, strict=True):
        ids = torch.randint(VOCABULARY, (16 + length,), generator=draw)
        row = {
            "input_ids": ids,
            "position_ids": torch.arange(len(ids)),
            "prompts": ids[:16],
            "responses": ids[16:],
            "response_mask": torch.ones(length, dtype=torch.int64),
            "loss_mask": torch.ones(length, dtype=torch.int64),
            "old_log_probs": torch.full((length,), -8.3) + 0.05 * torch.randn(length, generator=draw),
            "advantages": scalar.repeat(length),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    share = slice(rank * chosen.rows // chosen.workers, (rank + 1) * chosen.rows // chosen.workers)
    nested = {name: torch.nested.as_nested_tensor(rows[share], layout=torch.jagged) for name, rows in columns.items()}
    data = tu.get_tensordict(nested)
    flags = {SKIP_MASKED: skip, "global_batch_size": chosen.rows, "calculate_entropy": False, "temperature": 1.0}
    flags |= {"use_dynamic_bsz": not chosen.fixed, "micro_batch_size_per_gpu": 2}
    tu.assign_non_tensor(data, **flags, global_token_num=NonTensorData([0]), distillation_use_topk=False)
    return data
