"""A step of the V0 trainer: advantages in its batch, records in its dump, metrics in its log, rows left out."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gd2po.hosts.verl.door.ours import SKIP_MASKED
from gd2po.hosts.verl.reading.run_state import BatchAdvantages, RunState, caller, state_of, wrap_calling
from gd2po.hosts.verl.step.advantage import estimate_scored, with_advantages
from gd2po.hosts.verl.step.first_step import started_state
from gd2po.hosts.verl.step.narration import narrate
from gd2po.hosts.verl.step.records import columns_of
from gd2po.hosts.verl.step.skipping import skips
from gd2po.hosts.verl.v0.named_scores import entry_columns, infos_of


@dataclass(frozen=True)
class StepOfV0:
    """What is known of the running step of the V0 trainer, from its advantages to its log.

    Attributes:
        infos: [N] What the reward function and the reward models returned for each rollout.
        metrics: The metrics of the step, which the trainer logs at its end.
    """

    infos: Sequence[Mapping[str, Any]]
    metrics: dict[str, Any] = field(default_factory=dict)


wrap_fit = wrap_init_workers = wrap_calling


def wrap_compute_advantage(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the estimator call. For ``grpo`` verl's own result stays, bit for bit; only metrics are added."""

    def compute_advantage(data: Any, *args: Any, **kwargs: Any) -> Any:
        trainer = caller()
        state = started_state(trainer)
        prompts, tokens = list(data.non_tensor_batch["uid"]), data.batch["response_mask"].sum(1)
        keys, step = rollout_keys(prompts), StepOfV0(infos_of(data))
        result = estimate_scored(trainer, step.infos, keys, prompts, tokens, step.metrics)
        state.step, state.batch_advantages = step, BatchAdvantages(keys, result.rollout_advantages)
        if state.settings.estimator == "grpo":
            return original(data, *args, **kwargs)
        return with_advantages(data, result.rollout_advantages)

    return compute_advantage


def rollout_keys(prompts: Sequence[str]) -> list[str]:
    """[N] A name for each rollout, as V1 names them: prompt, number of the rollout, and 0, its only output."""
    counts: Counter[str] = Counter()
    keys = []
    for prompt in prompts:
        keys.append(f"{prompt}_{counts[prompt]}_0")
        counts[prompt] += 1
    return keys


def wrap_update_actor(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RayPPOTrainer._update_actor``: tell the workers, with the batch, and the reader, in a metric."""

    def _update_actor(self: Any, batch: Any) -> Any:
        state = state_of(self)
        batch.meta_info[SKIP_MASKED] = skips(self.config, state.settings)
        state.resumable = None  # from here on the policy is not that of the step before
        if batch.meta_info[SKIP_MASKED]:
            advantages = _known(state).advantages
            state.step.metrics["update/rows_left_out"] = float((advantages == 0).double().mean())
        return original(self, batch)

    return _update_actor


_COLUMNS = ("uid", "input", "output", "gts", "score", "step")
"""Fields of a dumped row that no entry of a reward function may take the place of."""


def wrap_dump_generations(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``RayPPOTrainer._dump_generations``: each row of a training dump gets the record of its rollout.

    Entries that are no declared reward are dumped under their names, as verl does.
    """

    def _dump_generations(
        self: Any,
        inputs: list[str],
        outputs: list[str],
        gts: list[Any],
        scores: list[float],
        reward_extra_infos_dict: dict[str, Any],
        dump_path: str,
    ) -> None:
        state = state_of(self)
        if dump_path == self.config.trainer.get("rollout_data_dir") and state.records:
            keys = _known(state).keys
            recorded = {*_COLUMNS, *state.settings.rewards, *state.settings.watch}
            others = {name: list(v) for name, v in entry_columns(state.step.infos, ()).items() if name not in recorded}
            columns = columns_of(state.take_records(), keys)
            reward_extra_infos_dict = {"uid": keys, **reward_extra_infos_dict, **others, **columns}
        original(self, inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path)

    return _dump_generations


def wrap_log(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``Tracking.log``, the last call of a step: our metrics are among those that are logged, and are told."""

    def log(self: Any, data: dict[str, Any], step: int, backend: Any = None) -> None:
        trainer = caller()
        state = state_of(trainer)
        running, state.step = state.step, None
        if running is not None:  # there is none in the validation before the training
            data |= running.metrics
            data["rollouts/lost"] = 0.0  # an error of a rollout ends this trainer
            narrate(trainer, data, step)
            saves = state.settings.guards.checkpoints and trainer.config.trainer.save_freq > 0
            state.resumable = trainer.train_dataloader.state_dict() if saves else None
        original(self, data, step, backend)

    return log


def _known(state: RunState) -> BatchAdvantages:
    assert state.batch_advantages is not None, "the trainer computes advantages first"
    return state.batch_advantages
