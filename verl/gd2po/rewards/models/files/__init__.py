"""Checkpoints of reward models on disk: recognised, checked, converted."""
