"""TRL's ``GRPOTrainer`` with named rewards: scores in, advantages, metrics and records out."""

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gd2po.advantages.metrics import watch_metrics
from gd2po.errors import SettingsError, nearest
from gd2po.health import Health
from gd2po.hosts.contract import estimate_rollouts, record_columns, weight_metrics
from gd2po.hosts.trl.checkpoints import TrainingState, load_state, save_state
from gd2po.hosts.trl.reading import read_settings, refuse_trl_settings
from gd2po.hosts.trl.records import RunFiles, as_text
from gd2po.hosts.trl.reward_columns import RewardFunction, columns_of, named_functions
from gd2po.hosts.trl.served_rewards import served_rewards
from gd2po.hosts.trl.skipping import shorten, skips
from gd2po.hosts.trl.supported_trl import require_attributes, require_supported_trl
from gd2po.settings import Settings
from gd2po.step_line import step_line

require_supported_trl()

from transformers import TrainerCallback  # noqa: E402  (the import of a TRL that is not supported would fail unclearly)
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

logger = logging.getLogger(__name__)


class MultiRewardGRPOTrainer(GRPOTrainer):
    """TRL's ``GRPOTrainer`` whose advantages come from named rewards, by GRPO, GDPO or GD²PO.

    Attributes:
        settings: The settings of the run.
    """

    def __init__(
        self,
        model: Any,
        settings: Settings | Mapping[str, Any] | str | Path,
        reward_funcs: Any = None,
        args: GRPOConfig | None = None,
        *arguments: Any,
        reward_processing_classes: Any = None,
        **options: Any,
    ) -> None:
        """
        Args:
            model: The policy, as for TRL's trainer.
            settings: The block that stands under ``algorithm.gd2po`` in verl, with the name of the estimator as
                ``estimator``, or the path of a YAML file with it.
            reward_funcs: Reward name → reward function, or a list of functions; see
                :func:`gd2po.hosts.trl.reward_columns.named_functions` for their names.
            args: TRL's ``GRPOConfig``.
            arguments: Further arguments of TRL's trainer, from ``train_dataset`` on.
            reward_processing_classes: As for TRL's trainer, one for each reward function.
            options: Further arguments of TRL's trainer.

        Raises:
            SettingsError: a setting is wrong, or TRL's and ours contradict each other; with the remedy.
            HostError: the installed TRL has changed.
        """
        self.settings = read_settings(settings)
        if args is not None:
            refuse_trl_settings(args)
        names, columns, processing = _reward_columns(self.settings, reward_funcs, reward_processing_classes)
        if not options.get("environment_factory"):
            self._refuse_missing(names)
        super().__init__(model, columns or None, args, *arguments, reward_processing_classes=processing, **options)
        require_attributes(self)
        self.reward_func_names[: len(names)] = names
        self._refuse_missing(self.reward_func_names)
        self._refuse_undeclared(self.reward_func_names)
        self._skips = skips(self, self.settings)
        self._state = TrainingState(self.settings.reward_weights())
        self._show_weights(self._state.weights.at(1))
        self._health = Health(self.settings.voting, self.settings.uses_filter)
        self._files = RunFiles(Path(self.args.output_dir), self.settings)
        self._scores: Tensor | None = None
        self._reward_seconds = 0.0
        self.add_callback(_Start(self._files))

    def _refuse_missing(self, names: list[str]) -> None:
        for name in (*self.settings.rewards, *self.settings.watch):
            if name not in names:
                block = "rewards" if name in self.settings.rewards else "watch"
                raise SettingsError(
                    f"algorithm.gd2po.{block} names {name!r}, but no reward function gives it (they give: "
                    f"{', '.join(names) or 'nothing'}). Add it to reward_funcs"
                )

    def _refuse_undeclared(self, names: list[str]) -> None:
        for name in names:
            if name not in (*self.settings.rewards, *self.settings.watch):
                raise SettingsError(
                    f"the environment gives the reward {name!r}, which algorithm.gd2po.rewards does not declare."
                    f"{nearest(name, self.settings.rewards)}"
                )

    def _show_weights(self, weights: Mapping[str, float]) -> None:
        """TRL logs the sum of all scores with its own weights: costs count negative, watched scores not at all."""
        signs = {name: 1 if reward.direction == "maximize" else -1 for name, reward in self.settings.rewards.items()}
        signed = [signs[name] * weights[name] if name in signs else 0.0 for name in self.reward_func_names]
        self.reward_weights = torch.tensor(signed, dtype=torch.float32)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Tensor:
        """TRL's own, whose scores [N, K] of all processes are kept for the advantages."""
        start = time.perf_counter()
        scores: Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._reward_seconds, self._scores = time.perf_counter() - start, scores
        return scores

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """TRL's own, whose advantages are replaced by ours."""
        step = self.state.global_step + 1
        weights = self._state.weights.at(step)
        self._show_weights(weights)
        start = time.perf_counter()
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        seconds = time.perf_counter() - start
        assert self._scores is not None, "TRL calculates rewards for each generation batch"
        matrix, self._scores = self._scores.cpu(), None
        scores = {name: matrix[:, k] for k, name in enumerate(self.reward_func_names)}
        watched = {name: scores[name] for name in self.settings.watch}
        scores = {name: scores[name] for name in self.settings.rewards}
        mask = output["completion_mask"]
        lengths = self.accelerator.gather((mask * output.get("tool_mask", 1)).sum(1)).cpu()
        training = self.model.training
        generations = self.num_generations if training else self.num_generations_eval
        groups = [row // generations for row in range(len(lengths))]
        result = estimate_rollouts(self.settings, scores, groups, lengths, weights)
        first = self.accelerator.process_index * len(mask)
        local = result.rollout_advantages[first : first + len(mask)]
        output["advantages"] = local.to(mask.device)
        metrics = self._metrics["train" if training else "eval"]
        timings = {"timing_s/gen": seconds - self._reward_seconds, "timing_s/reward": self._reward_seconds}
        figures = result.metrics | watch_metrics(watched)
        if training:
            figures |= timings | weight_metrics(self._state.weights, step, weights, scores)
        for name, value in figures.items():
            metrics[name].append(value)
        self._state.generations += 1
        batch = f"{self._state.generations}" if training else f"eval{self._state.generations}"
        prompts = [f"{batch}-{group}" for group in groups]
        moving = weights if self._state.weights.move else {}
        self._record(prompts, record_columns(scores, result, watched, moving), training)
        return output

    def _record(self, prompts: list[str], columns: dict[str, list[Any]], training: bool) -> None:
        """Put what led to the advantages into TRL's completions table and into the rollout dump.

        Args:
            prompts: [N] The generation batch and the place in it of the prompt of each rollout.
            columns: Field → N values.
            training: Whether the rollouts are trained on.
        """
        logs, rows = self._logs, len(prompts)
        for _ in range(min(rows, len(logs["advantages"]))):
            logs["advantages"].pop()
        logs["advantages"].extend(columns["advantage"])
        for name, values in {"uid": prompts, **columns}.items():
            if name != "advantage" and not name.startswith("reward/"):  # TRL's table has these itself
                logs["extra"][name].extend(values)
        if training and self.log_completions and self.accelerator.is_main_process:
            texts = {"input": list(logs["prompt"])[-rows:], "output": list(logs["completion"])[-rows:]}
            dumped: dict[str, list[Any]] = {name: [as_text(text) for text in values] for name, values in texts.items()}
            dumped["uid"] = [f"{prompt}_{row}_0" for row, prompt in enumerate(prompts)]  # prompt, session and output
            self._files.dump(self.state.global_step + 1, dumped | columns)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's own, of the rows with an advantage where that is the same."""
        training = self.model.training
        shortened = shorten(inputs, self.loss_type, self.accelerator) if training and self._skips else None
        if training:
            left_out = shortened.rows_left_out if shortened else 0.0
            self._metrics["train"]["update/rows_left_out"].append(left_out)
        if shortened is None:
            whole: Tensor = super()._compute_loss(model, inputs)
            return whole
        part: Tensor = super()._compute_loss(model, shortened.inputs)
        return part * shortened.factor

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """TRL's own; then the metrics file, the line per step and the warnings about its health."""
        super().log(logs, start_time)
        if not self.accelerator.is_main_process:
            return
        step, metrics = self.state.global_step, dict(logs)
        if "step_time" in metrics:
            metrics["timing_s/step"] = metrics["step_time"]
        self._files.log(step, metrics)
        if "conflict/rate" not in metrics or "timing_s/step" not in metrics:
            return
        metrics["rollouts/lost"] = 0.0
        rewards, watch = list(self.settings.rewards), self.settings.watch
        line = step_line(step, self.state.max_steps, rewards, metrics, watch, self.settings.scheduled)
        sys.stdout.write(f"{line}\n")
        for warning in self._health.warnings(step, metrics):
            logger.warning(warning)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL's own, with our state in the same folder."""
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            save_state(folder, self._state, self.settings, self.state.global_step)

    def _load_optimizer_and_scheduler(self, checkpoint: Any) -> None:
        """TRL's own, with our state from the same folder."""
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            load_state(Path(checkpoint), self._state, self.settings)


def _reward_columns(
    settings: Settings, reward_funcs: Any, processing: Any
) -> tuple[list[str], list[RewardFunction], Any]:
    """The names of the rewards, one function for TRL for each, and the processing classes, one for each function."""
    functions = named_functions(reward_funcs, [*settings.rewards, *settings.watch])
    served = served_rewards(settings.rewards, [name for names, _ in functions for name in names])
    functions += [((name,), function) for name, function in served.items()]
    columns = [columns_of(names, function) for names, function in functions]
    if isinstance(processing, list):
        spread = zip([*processing, *[None] * len(served)], columns, strict=True)
        processing = [given for given, part in spread for _ in part]
    names = [name for names, _ in functions for name in names]
    return names, [column for part in columns for column in part], processing


class _Start(TrainerCallback):
    """Writes down the settings and the start when a training begins."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._files.begin(state.max_steps)
