"""verl's own trainer, started only when it is proven that the plug-in is in it."""

import sys
from collections.abc import Sequence

from gd2po.integration.doctor import quiet, require_plugin


def launch(arguments: Sequence[str]) -> None:
    """Run ``verl.trainer.main_ppo`` with these Hydra arguments in this process.

    Args:
        arguments: as after ``python -m verl.trainer.main_ppo``.

    Raises:
        HostError: the plug-in is not in place; ``gd2po doctor`` says more.
    """
    quiet()
    require_plugin()
    from verl.trainer.main_ppo import main

    sys.argv = ["gd2po train", *arguments]
    main()
