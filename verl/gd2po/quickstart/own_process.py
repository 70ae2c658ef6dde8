"""Work in a process of its own, whose memory goes back to the system when it ends."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from gd2po.cpu_threads import waiting_variables
from gd2po.runs.process import TrainingError

_LOOK_SECONDS = 0.5

_share: Any = None
"""In the process of the work: the finished share, which the other process reads."""


def in_own_process(work: Callable[..., None], on_progress: Callable[[float], None]) -> None:
    """Call ``work(on_progress=…)`` in a process of its own.

    Args:
        work: What a process can be sent; it calls ``on_progress`` with the finished share.
        on_progress: Called here with that share, about twice a second.

    Raises:
        TrainingError: The process was killed. What ``work`` raises is raised here.
    """
    context = get_context("spawn")
    share = context.Value("d", 0.0)
    with ProcessPoolExecutor(1, mp_context=context, initializer=_keep, initargs=(share,)) as pool:
        future = pool.submit(_call, work)
        while not wait([future], timeout=_LOOK_SECONDS).done:
            on_progress(share.value)
        try:
            future.result()
        except BrokenProcessPool:
            raise TrainingError(
                f"the process of the warm start was killed when {share.value:.0%} of it was done; usually the system "
                "had no memory left: close other programs, or choose --model tiny"
            ) from None


def _keep(share: Any) -> None:
    global _share
    _share = share
    os.environ |= waiting_variables()  # before the work imports torch


def _call(work: Callable[..., None]) -> None:
    def on_progress(share: float) -> None:
        _share.value = share

    work(on_progress=on_progress)
