"""Rows without an advantage cost nothing in the actor's update: they are left out before verl makes micro-batches.

The gradient stays the same. Denominators come from the whole mini-batch: verl counts its tokens before micro-batches
are made, and its number of rows travels with the batch. A row whose advantage is 0 adds exactly 0 to a loss that is
linear in the advantage, whatever verl divides by.

Every data-parallel rank keeps equally many rows, since FSDP's ranks must make equally many forward passes: where one
has fewer with an advantage, its shortest rows without one fill up.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from omegaconf import DictConfig

from gd2po.hosts.contract import leaves_rows_out
from gd2po.hosts.verl.door.ours import SKIP_MASKED
from gd2po.hosts.verl.reading.run_state import state_of
from gd2po.settings import Settings

_LINEAR_LOSSES = ("vanilla", "gspo", "sapo", "gpg", "cispo", "dppo_tv", "dppo_kl")
"""Policy losses of verl in which a row of advantage 0 adds nothing and changes nothing for the others.

Not so in ``geo_mean``, which divides by the rows of a pass, nor in ``clip_cov`` and ``kl_cov``, which look at all of
them.
"""


def why_inexact(config: DictConfig) -> Iterator[str]:
    """What acts on rows without an advantage too, so that leaving them out would change the update."""
    actor = config.actor_rollout_ref.actor
    if actor.use_kl_loss:
        yield "actor.use_kl_loss acts on every token"
    if actor.entropy_coeff != 0:
        yield f"actor.entropy_coeff={actor.entropy_coeff} acts on every token"
    if (config.get("distillation") or {}).get("enabled", False):
        yield "distillation acts on every token"
    mode = actor.policy_loss.get("loss_mode", "vanilla")
    if mode not in _LINEAR_LOSSES:
        yield f"actor.policy_loss.loss_mode={mode} is not known to be linear in the advantage"
    if actor.loss_agg_mode == "seq-mean-token-sum-norm" and actor.loss_scale_factor is None:
        yield "actor.loss_agg_mode=seq-mean-token-sum-norm without loss_scale_factor divides by a pass's longest row"
    if actor.strategy not in ("fsdp", "fsdp2"):
        yield f"actor.strategy={actor.strategy} makes its micro-batches elsewhere"


def skips(config: DictConfig, settings: Settings) -> bool:
    """Whether a run leaves out rows without an advantage.

    Raises:
        SettingsError: the settings insist on it, and it would change the update.
    """
    return leaves_rows_out(settings, list(why_inexact(config)))


def wrap_update_actor(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._update_actor``: tell the workers, with the batch, and the reader, in a metric."""

    def _update_actor(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        state = state_of(self)
        batch.extra_info[SKIP_MASKED] = skips(self.config, state.settings)
        if batch.extra_info[SKIP_MASKED] and (known := state.advantages_of(batch.keys)):
            metrics["update/rows_left_out"] = float((known.advantages == 0).double().mean())
        return original(self, batch, metrics)

    return _update_actor


def wrap_prepare_micro_batches(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the engine's ``prepare_micro_batches``, which it calls after it has counted the tokens of a mini-batch."""
    from verl.utils import tensordict_utils as tu

    def prepare_micro_batches(data: Any, dp_group: Any = None, **options: Any) -> Any:
        if tu.get_non_tensor_data(data, SKIP_MASKED, default=False) and "advantages" in data:
            rows = rows_to_keep(data, dp_group)
            if len(rows) < len(data):
                data = tu.index_select_tensor_dict(data, rows)
        return original(data, dp_group=dp_group, **options)

    return prepare_micro_batches


def rows_to_keep(data: Any, dp_group: Any) -> torch.Tensor:
    """Rows to keep, in their order: those with an advantage, and as many others as it takes."""
    from verl.utils import tensordict_utils as tu

    informative = torch.tensor([bool((row != 0).any()) for row in data["advantages"].unbind()])
    kept = torch.tensor(max(1, int(informative.sum())))
    if torch.distributed.is_initialized():
        kept = kept.to(data["advantages"].device)
        torch.distributed.all_reduce(kept, op=torch.distributed.ReduceOp.MAX, group=dp_group)
    count = int(kept)
    if not tu.get_non_tensor_data(data, "use_dynamic_bsz", default=True):
        size = tu.get_non_tensor_data(data, "micro_batch_size_per_gpu", default=1)
        count = -(-count // size) * size
    lengths = data["input_ids"].offsets().diff().cpu()
    preference = torch.where(informative, -1, lengths).argsort(stable=True)
    return preference[:count].sort().values
