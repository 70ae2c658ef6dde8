"""The ``gd2po`` command. Nothing heavy is imported before a command needs it."""

from gd2po.cli import (
    api_bank,
    bfcl,
    check,
    cluster,
    data,
    doctor,
    lab,
    leaderboard,
    plan,
    report,
    reward_models,
    reward_server,
    running,
    safety,
    sft,
)
from gd2po.cli.app import app

__all__ = [
    "api_bank",
    "app",
    "bfcl",
    "check",
    "cluster",
    "data",
    "doctor",
    "lab",
    "leaderboard",
    "plan",
    "report",
    "reward_models",
    "reward_server",
    "running",
    "safety",
    "sft",
]
