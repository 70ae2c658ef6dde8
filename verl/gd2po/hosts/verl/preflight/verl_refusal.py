"""Errors about a configuration that are raised elsewhere, as refusals: those of verl, and those of a value's kind."""

import contextlib
from collections.abc import Iterator

from gd2po.errors import GD2POError, SettingsError


@contextlib.contextmanager
def verl_refusals() -> Iterator[None]:
    """Turn what verl's own checks of a configuration raise into one line.

    Raises:
        SettingsError: ``verl refuses: …``. Errors of this package pass as they are.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    plain = (AssertionError, ValueError, TypeError, NotImplementedError, ImportError)
    try:
        yield
    except GD2POError:
        raise
    except (*plain, HydraException, OmegaConfBaseException) as error:
        raise SettingsError(f"verl refuses: {' '.join(str(error).split()) or type(error).__name__}") from error


@contextlib.contextmanager
def kind_refusals(purpose: str) -> Iterator[None]:
    """Turn what a value of another kind than verl's leads to into one line.

    Args:
        purpose: What cannot be done with the configuration, as a participle.

    Raises:
        SettingsError: ``this configuration cannot be …``, with the error.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (TypeError, AttributeError, LookupError, ArithmeticError, OmegaConfBaseException) as error:
        raise SettingsError(
            f"this configuration cannot be {purpose}: {type(error).__name__}: {' '.join(str(error).split())}. One of "
            "its values is missing, or is of another kind than in verl's own configuration"
        ) from error
