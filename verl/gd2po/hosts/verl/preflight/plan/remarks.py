"""Remarks on what a run does and its user may not expect. None of them stops the run."""

from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig

from gd2po.hosts.verl.preflight.gpus import GIB
from gd2po.hosts.verl.preflight.plan.layout import GpuLayout
from gd2po.hosts.verl.preflight.plan.memory import MemoryEstimate
from gd2po.hosts.verl.preflight.plan.schedule import RunSchedule, files_of
from gd2po.hosts.verl.reading.filter_groups import VOTES, GroupFilterSettings
from gd2po.hosts.verl.reading.run_settings import cautions, settings_of
from gd2po.hosts.verl.step.skipping import why_inexact
from gd2po.pretrained.shape import ModelShape


def remarks(
    config: DictConfig,
    layout: GpuLayout,
    schedule: RunSchedule,
    shape: ModelShape | None,
    estimate: MemoryEstimate | None,
) -> Iterator[str]:
    """Every remark in words. Remarks on memory need an estimate."""
    yield from _of_missing_files(config, layout, shape)
    yield from _of_method(config)
    yield from _of_gpus(layout)
    yield from _of_schedule(schedule)
    yield from _of_group_filter(config, schedule)
    if estimate is not None:
        yield from _of_memory(config, layout, estimate)


def _of_missing_files(config: DictConfig, layout: GpuLayout, shape: ModelShape | None) -> Iterator[str]:
    path = config.actor_rollout_ref.model.path
    if shape is None:
        yield f"{path} is no model on this machine that transformers can build: memory and checkpoints not estimated"
    files = [model.path for model in layout.rewards if model.placement != "server"]
    files += files_of(config.data.train_files) + files_of(config.data.val_files)
    if missing := [path for path in files if not Path(path).expanduser().exists()]:
        yield f"not on this machine: {', '.join(missing)}"


def _of_method(config: DictConfig) -> Iterator[str]:
    settings = settings_of(config)
    if settings is None:
        return
    yield from cautions(config, settings)
    if settings.uses_filter and (reasons := list(why_inexact(config))):
        yield f"rows that the filter masked are not left out of the update: {'; '.join(reasons)}"


def _of_gpus(layout: GpuLayout) -> Iterator[str]:
    for model in layout.rewards:
        if model.own_gpus:
            gpus = f"{model.own_gpus} GPU{'s' * (model.own_gpus > 1)}"
            yield (
                f"reward model {model.name} needs one node with {gpus} that the trainer leaves free; the cluster "
                f"must have {layout.all_gpus} in all"
            )
    if layout.strategy == "megatron" or layout.engine == "sglang":
        yield "Megatron and SGLang were composed and validated only, see docs/support.md"


def _of_schedule(schedule: RunSchedule) -> Iterator[str]:
    if schedule.checkpoints and schedule.kept == schedule.checkpoints > 1:
        yield f"all {schedule.checkpoints} checkpoints are kept; trainer.max_actor_ckpt_to_keep=3 would keep three"


def _of_group_filter(config: DictConfig, schedule: RunSchedule) -> Iterator[str]:
    """How many rollouts a step may take where verl evicts groups and has others generated in their place."""
    groups = GroupFilterSettings.of(config)
    if groups is None:
        return
    each = {1: "one prompt", 2: "two prompts"}[groups.prompts_per_eviction]
    text = (
        f"algorithm.filter_groups: a step generates {schedule.prompts:,} prompts ({schedule.rollouts:,} rollouts), and "
        f"{each} more for each group that is evicted"
    )
    if groups.metric != VOTES or groups.batches is None:
        yield f"{text}, without a limit"
        return
    text += (
        f", in all at most {groups.batches * schedule.prompts:,} prompts ({groups.batches * schedule.rollouts:,} "
        "rollouts)"
    )
    if schedule.steps_per_epoch:
        text += (
            f"; the training data are gone through after {schedule.steps_per_epoch / groups.batches:.3g} to "
            f"{schedule.steps_per_epoch} steps"
        )
    yield text


def _of_memory(config: DictConfig, layout: GpuLayout, estimate: MemoryEstimate) -> Iterator[str]:
    for phase in estimate.phases():
        if phase.bytes > estimate.gpu_bytes:
            yield (
                f"{phase.name}: {phase.bytes / GIB:.0f} GiB are expected on a GPU of {estimate.gpu_bytes / GIB:.0f} "
                f"GiB; {_REMEDY[phase.name]}"
            )
    if unsharded := estimate.unsharded_gradients():
        yield (
            f"each GPU holds {unsharded / GIB:.0f} GiB of unsharded gradients between micro-batches; "
            "actor.fsdp_config.use_no_sync_for_gradient_accumulation=false frees them, for more communication"
        )
    cache = estimate.cache()
    if cache.rows < 1:
        yield (
            f"the rollout engine has no room for one full row beside its {estimate.rollout_weights() / GIB:.0f} GiB of "
            "weights; raise rollout.gpu_memory_utilization or rollout.tensor_model_parallel_size"
        )


_REMEDY = {
    "rollouts": "lower rollout.gpu_memory_utilization, or set run.offload=true",
    "reward models": "lower their gpu_memory, or set run.offload=true",
    "update": "use more GPUs, lower actor.ppo_max_token_len_per_gpu (not below prompt and response), or set "
    "model.use_fused_kernels=true",
}
