"""Named scores from text: what a rollout is worth, one number per reward."""

from gd2po.rewards.declared import returns_rewards

__all__ = ["returns_rewards"]
