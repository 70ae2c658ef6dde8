"""Whether a server takes requests: not while paused (weights are about to change) and not while asleep."""

import asyncio


class Gate:
    """Late requests wait at a closed gate; at a rejecting one they are turned away."""

    def __init__(self) -> None:
        self._closed_by: set[str] = set()
        self._rejecting = False
        self._changed = asyncio.Event()

    @property
    def open(self) -> bool:
        return not self._closed_by

    def close(self, reason: str, reject: bool = False) -> None:
        """Close for one more reason."""
        self._closed_by.add(reason)
        self._rejecting = reject
        self._notify()

    def clear(self, reason: str) -> None:
        """This reason is gone; the gate opens when it was the last."""
        self._closed_by.discard(reason)
        self._rejecting = self._rejecting and not self.open
        self._notify()

    async def admits(self) -> bool:
        """Wait for an open gate; False when turned away instead."""
        while not self.open:
            if self._rejecting:
                return False
            await self._changed.wait()
        return True

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
