"""Prompts that verl leaves out because they are too long: counted, and refused where too few are left to train on."""

import logging
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig

from gd2po.errors import SettingsError

logger = logging.getLogger(__name__)


def wrap_maybe_filter_out_long_prompts(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RLHFDataset.maybe_filter_out_long_prompts``: say how many prompts of a file are not used.

    Raises:
        SettingsError: none is left, which verl reports as ``num_samples=0``.
    """

    def maybe_filter_out_long_prompts(self: Any, dataframe: Any = None) -> Any:
        kept = original(self, dataframe)
        left_out = len(dataframe) - len(kept)
        if left_out:
            message = (
                f"{left_out} of {len(dataframe)} prompts in {', '.join(map(str, self.original_data_files))} have more "
                f"than data.max_prompt_length={self.max_prompt_length} tokens, or the chat template failed on them"
            )
            if not len(kept):
                raise SettingsError(f"{message}: none is left. Raise data.max_prompt_length")
            logger.warning("%s: they are left out", message)
        return kept

    return maybe_filter_out_long_prompts


def wrap_init_dataloader(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._init_dataloader``, which comes before any worker.

    Raises:
        SettingsError: the prompts do not fill one batch; verl would train no step, and end as if all were well.
    """

    def _init_dataloader(self: Any) -> None:
        original(self)
        refuse_too_few_prompts(len(self.train_dataset), self.config)

    return _init_dataloader


def refuse_too_few_prompts(prompts: int, config: DictConfig) -> None:
    """Refuse training prompts that do not fill one batch.

    Raises:
        SettingsError: with both numbers.
    """
    batch = config.data.train_batch_size
    if prompts < batch:
        raise SettingsError(
            f"the {prompts} prompts of data.train_files do not fill one batch of data.train_batch_size={batch}; lower "
            "it, or add prompts"
        )
