"""Prompts that verl leaves out because they are too long: counted, and refused where too few are left to train on."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import settings_of

logger = logging.getLogger(__name__)


def counted(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RLHFDataset.maybe_filter_out_long_prompts``: say how many prompts of a file are not used.

    Raises:
        SettingsError: none is left, which verl reports as ``num_samples=0``.
    """

    @functools.wraps(original)
    def maybe_filter_out_long_prompts(self: Any, dataframe: Any = None) -> Any:
        kept = original(self, dataframe)
        left_out = len(dataframe) - len(kept)
        if left_out:
            told = (
                f"{left_out} of {len(dataframe)} prompts in {', '.join(map(str, self.original_data_files))} have more "
                f"than data.max_prompt_length={self.max_prompt_length} tokens, or the chat template failed on them"
            )
            if not len(kept):
                raise SettingsError(f"{told}: none is left. Raise data.max_prompt_length")
            logger.warning("%s: they are left out", told)
        return kept

    return maybe_filter_out_long_prompts


def enough(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._init_dataloader``, which comes before any worker.

    Raises:
        SettingsError: the prompts do not fill one batch; verl would train no step, and end as if all were well.
    """

    @functools.wraps(original)
    def _init_dataloader(self: Any) -> None:
        original(self)
        rows, batch = len(self.train_dataset), self.config.data.train_batch_size
        if settings_of(self.config) is not None and rows < batch:
            raise SettingsError(
                f"the {rows} prompts of data.train_files do not fill one batch of data.train_batch_size={batch}; lower "
                "it, or add prompts"
            )

    return _init_dataloader
