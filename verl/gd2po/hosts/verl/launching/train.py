"""verl's own trainer, started only after it is proven that the plug-in is in it."""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gd2po.errors import GD2POError
from gd2po.hosts.verl.checkpoints.resuming import resume_hint
from gd2po.hosts.verl.cpu.forking import driver
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.logs import quiet
from gd2po.hosts.verl.preflight.doctor import require_plugin
from gd2po.hosts.verl.preflight.verl_refusal import verl_refusals

logger = logging.getLogger(__name__)

_accepted: list[Any] = []
"""The configuration of the run that was started, once it has passed every check."""


_SHOWS_ONLY = {"--cfg", "-c", "--help", "-h", "--hydra-help", "--info", "-i", "--version"}
"""Arguments of Hydra with which it shows something and starts no run."""


class _Refusal(BaseException):
    """Carries an error of ours past Hydra, which shows every ``Exception`` as a traceback and ends with 1."""

    def __init__(self, error: GD2POError) -> None:
        self.error = error


def launch(arguments: Sequence[str]) -> None:
    """Run ``verl.trainer.main_ppo`` with these Hydra arguments in this process.

    Args:
        arguments: The arguments as after ``python -m verl.trainer.main_ppo``.

    Raises:
        HostError: The plug-in is not in place; ``gd2po doctor`` says more.
        SettingsError: The configuration cannot be run as it stands.
    """
    if not _SHOWS_ONLY & set(arguments):
        driver.start()
    quiet()
    require_plugin()
    from verl.trainer import main_ppo

    _accepted.clear()
    seam.install("gd2po train")
    sys.argv = ["gd2po train", *arguments]
    try:
        main_ppo.main()
    except _Refusal as refusal:
        raise refusal.error from None
    except (Exception, SystemExit, KeyboardInterrupt):  # Hydra has shown an error as a traceback
        for config in _accepted:
            logger.error("the run has ended early. %s", resume_hint(config))
        raise


def wrap_validate_config(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap the name under which verl's main calls its checks: a refusal passes Hydra, what is accepted is kept."""

    def validate_config(config: Any, *args: Any, **kwargs: Any) -> None:
        try:
            with verl_refusals():
                original(config, *args, **kwargs)
        except GD2POError as error:
            raise _Refusal(error) from None
        _accepted.append(config)

    return validate_config
