"""verl's own trainer, started only after it is proven that the plug-in is in it."""

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gd2po.errors import GD2POError
from gd2po.hosts.composing import TaskFiles, refusals_of_hydra
from gd2po.hosts.verl.checkpoints.resuming import resume_hint
from gd2po.hosts.verl.cpu.forking import driver
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.logs import quiet
from gd2po.hosts.verl.preflight.doctor import require_plugin
from gd2po.hosts.verl.preflight.plan.composing import host_folder, refusals_of_blocks, task_files
from gd2po.hosts.verl.preflight.verl_refusal import kind_refusals, verl_refusals
from gd2po.hosts.verl.reading.run_settings import check_run_blocks

logger = logging.getLogger(__name__)

_FULL_ERROR = "HYDRA_FULL_ERROR"
"""The variable with which Hydra raises an error instead of showing it and ending with 1."""

_composed = contextlib.ExitStack()
"""Closed as soon as the configuration is composed: from then on Hydra shows errors as it does without us."""

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
        with _composing(arguments):
            main_ppo.main()
    except _Refusal as refusal:
        raise refusal.error from None
    except (Exception, SystemExit, KeyboardInterrupt):  # Hydra has shown an error as a traceback
        for config in _accepted:
            logger.error("the run has ended early. %s", resume_hint(config))
        raise


@contextlib.contextmanager
def _composing(arguments: Sequence[str]) -> Iterator[None]:
    """Let Hydra raise the errors that it meets while it composes; those of the run it shows as without us.

    Raises:
        SettingsError: The configuration does not compose.
    """
    if _FULL_ERROR in os.environ:  # the user wants every traceback
        yield
        return
    os.environ[_FULL_ERROR] = "1"
    _composed.callback(os.environ.pop, _FULL_ERROR, None)
    files = _files(arguments)
    with _composed, refusals_of_blocks(files.overrides), refusals_of_hydra(files):
        yield


def _files(arguments: Sequence[str]) -> TaskFiles:
    """What Hydra composes the configuration of these arguments from."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-dir", "-cd", default=str(host_folder()))
    parser.add_argument("--config-name", "-cn", default="ppo_trainer")
    options, rest = parser.parse_known_args(list(arguments))
    return task_files(options.config_dir, options.config_name, [word for word in rest if word[:1] != "-"])


def wrap_auto_set_device(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap the first call of verl's main: the configuration is composed, and its blocks are checked before verl's."""

    def auto_set_device(config: Any) -> None:
        _composed.close()
        try:
            check_run_blocks(config)
        except GD2POError as error:
            raise _Refusal(error) from None
        original(config)

    return auto_set_device


def wrap_validate_config(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap the name under which verl's main calls its checks: a refusal passes Hydra, what is accepted is kept."""

    def validate_config(config: Any, *args: Any, **kwargs: Any) -> None:
        try:
            with kind_refusals("run"), verl_refusals():
                original(config, *args, **kwargs)
        except GD2POError as error:
            raise _Refusal(error) from None
        _accepted.append(config)

    return validate_config
