"""The door for TRL: ``from gd2po.trl import MultiRewardGRPOTrainer``. Neither verl nor Ray is needed."""

from gd2po.hosts.trl.row_functions import by_row
from gd2po.hosts.trl.trainer import MultiRewardGRPOTrainer

__all__ = ["MultiRewardGRPOTrainer", "by_row"]
