"""Checkpoints as verl leaves them: shards of two workers, the dataloader's state, the tracker file."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from gd2po.hosts.verl.checkpoints import identity, saving

AB = ["+algorithm.gd2po.rewards.a.weight=1.0", "+algorithm.gd2po.rewards.b.weight=1.0"]
KINDS = ("model", "optim", "extra_state")


def _write_as_verl(trainer: Any) -> None:
    """The order of verl's own save: shards, dataloader, tracker file, callback."""
    run, step = Path(trainer.config.trainer.default_local_dir), trainer.global_steps
    folder = run / f"global_step_{step}"
    (folder / "actor" / "huggingface").mkdir(parents=True)
    for kind in KINDS:
        for rank in trainer.ranks:
            torch.save(torch.arange(100), folder / "actor" / f"{kind}_world_size_2_rank_{rank}.pt")
    (folder / "actor" / "huggingface" / "config.json").write_text("{}")
    trainer.fails()
    torch.save({"position": step}, folder / "data.pt")
    (run / "latest_checkpointed_iteration.txt").write_text(str(step))
    trainer.checkpoint_callback.on_save(trainer=trainer, global_step=step, checkpoint_dir=str(folder), async_save=False)


class Run:
    """A run in a folder, and a trainer whose save writes real files."""

    def __init__(self, folder: Path, config: Callable[..., DictConfig]) -> None:
        self.folder, self.called = folder, []
        self._config = config

    def config(self, *overrides: str) -> DictConfig:
        place = f"trainer.default_local_dir={self.folder}"
        return self._config("algorithm.adv_estimator=gd2po", *AB, "actor_rollout_ref.model.path=m", place, *overrides)

    def save(
        self, *steps: int, fails: Callable[[], None] = lambda: None, ranks: tuple[int, ...] = (0, 1), keep: int = 0
    ) -> Any:
        """Save these steps with the plug-in around verl's save; returns the trainer."""
        overrides = [f"trainer.max_actor_ckpt_to_keep={keep}"] * bool(keep)
        trainer = SimpleNamespace(config=self.config(*overrides), fails=fails, ranks=ranks)
        trainer.checkpoint_callback = SimpleNamespace(on_save=lambda **arguments: self.called.append(arguments))
        for trainer.global_steps in steps:
            saving.wrap_save_checkpoint(identity.wrap_save_checkpoint(_write_as_verl))(trainer)
        return trainer

    def __getitem__(self, step: int) -> Path:
        return self.folder / f"global_step_{step}"

    @property
    def tracker(self) -> Path:
        return self.folder / "latest_checkpointed_iteration.txt"

    def listing(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def run(tmp_path: Path, verl_config: Callable[..., DictConfig]) -> Run:
    return Run(tmp_path / "run", verl_config)
