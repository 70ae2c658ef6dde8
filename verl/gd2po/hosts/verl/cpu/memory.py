"""Memory that a process has freed, back to the system."""

import ctypes
import gc


def give_back() -> None:
    """Return freed memory to the system; glibc keeps gigabytes of it, which other processes of a run need."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
