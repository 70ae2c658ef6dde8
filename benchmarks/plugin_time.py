"""Seconds in the plug-in's own code where it wraps verl's: without what it calls back, with what verl's calls of it."""

import functools
import importlib
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.manifest import WRAPPED


class PluginTime:
    """A clock that runs while a thread is in the plug-in, and stands while that has called verl's function.

    Attributes:
        seconds: of all threads.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._here = threading.local()
        self._adding = threading.Lock()

    @contextmanager
    def running(self, names: tuple[str, ...]) -> Iterator[None]:
        """Count what the wrappers of these symbols do inside the block."""
        rows = {row.symbol.partition(":")[2]: row for row in WRAPPED}
        if absent := [name for name in names if name not in rows]:
            raise SystemExit(f"the plug-in does not wrap {absent}; it wraps {sorted(rows)}")
        undo = []
        for row in (rows[name] for name in names):
            owner, last = seam.holder(importlib.import_module(row.symbol.partition(":")[0]), row)
            wrapped = getattr(owner, last)
            inner = self._timed(inspect.unwrap(wrapped), in_plugin=False)
            outer = self._timed(seam.replacement(row, inner), in_plugin=True)
            setattr(owner, last, outer)
            undo.append((owner, last, wrapped))
        try:
            yield
        finally:
            for owner, last, wrapped in undo:
                setattr(owner, last, wrapped)

    def _timed(self, function: Callable[..., Any], in_plugin: bool) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self._switch(in_plugin)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch(before)

        return timed

    def _switch(self, in_plugin: bool) -> bool:
        """Enter the plug-in or leave it; returns where this thread was."""
        now, (was, since) = time.perf_counter(), getattr(self._here, "state", (False, 0.0))
        if was:
            with self._adding:
                self.seconds += now - since
        self._here.state = (in_plugin, now)
        return was
