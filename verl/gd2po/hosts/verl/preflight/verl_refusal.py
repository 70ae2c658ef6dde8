"""The errors that verl itself raises about a configuration, as refusals in its words."""

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

    plain = (AssertionError, ArithmeticError, ValueError, TypeError, NotImplementedError, ImportError)
    try:
        yield
    except GD2POError:
        raise
    except (*plain, HydraException, OmegaConfBaseException) as error:
        raise SettingsError(f"verl refuses: {' '.join(str(error).split()) or type(error).__name__}") from error
