"""What can be wrong with data, and with bringing it here."""

from gd2po.errors import GD2POError


class DataError(GD2POError, ValueError):
    """Data that cannot be used as it stands."""


class DownloadError(GD2POError, OSError):
    """A file that could not be brought here."""
