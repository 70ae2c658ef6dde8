"""The ``gd2po`` command. Nothing heavy is imported before a command needs it."""

from gd2po.cli import (
    api_bank,
    bfcl,
    check,
    cluster,
    code,
    data,
    doctor,
    leaderboard,
    math,
    models,
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
    "code",
    "data",
    "doctor",
    "leaderboard",
    "math",
    "models",
    "plan",
    "report",
    "reward_models",
    "reward_server",
    "running",
    "safety",
    "sft",
]
