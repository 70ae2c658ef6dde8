"""``python -m gd2po.cli``."""

from gd2po.cli import app

app()
