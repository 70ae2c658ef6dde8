"""One process of a warm start, started by torchrun: verl's SFT trainer on a complete configuration."""

import sys

from omegaconf import OmegaConf
from torch.distributed.elastic.multiprocessing.errors import record
from verl.trainer.sft_trainer import SFTTrainer
from verl.utils.device import auto_set_device
from verl.utils.distributed import destroy_global_process_group, initialize_global_process_group


class SeededSFTTrainer(SFTTrainer):
    """verl's trainer, with an order of the demonstrations that follows from ``trainer.seed``; verl's order is fixed."""

    def _build_dataloader(self) -> None:
        super()._build_dataloader()
        self.train_sampler.seed = self.config.trainer.seed


@record  # torchrun then ends its own report with our error
def main(path: str) -> None:
    """Train with the configuration in the YAML file at ``path``."""
    config = OmegaConf.load(path)
    auto_set_device(config)
    initialize_global_process_group()
    SeededSFTTrainer(config).fit()
    destroy_global_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
