"""Training prompts of a V0 run that do not fill one batch are refused before any worker starts."""

from collections.abc import Callable
from typing import Any

from gd2po.hosts.verl.lifecycle.prompts import refuse_too_few_prompts


def wrap_create_dataloader(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``RayPPOTrainer._create_dataloader``, which makes none of too few prompts.

    Raises:
        SettingsError: the prompts do not fill one batch.
    """

    def _create_dataloader(self: Any, train_dataset: Any, *args: Any) -> None:
        if train_dataset is not None:
            refuse_too_few_prompts(len(train_dataset), self.config)
        original(self, train_dataset, *args)

    return _create_dataloader
