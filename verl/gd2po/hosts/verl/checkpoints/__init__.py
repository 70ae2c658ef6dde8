"""Checkpoints are complete or not there: written aside, marked, renamed; checked before one is continued."""

from gd2po.errors import GD2POError


class CheckpointError(GD2POError, RuntimeError):
    """A checkpoint could not be written, or the one that shall be continued is not whole."""
