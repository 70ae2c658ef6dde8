"""Threads of a computation on CPU: no more than cores, and asleep soon while they wait."""

import os

_SPINS = "3000"


def thread_variables(processes: int) -> dict[str, str]:
    """Environment of a training process, so that threads do not outnumber the cores; what is set already is kept."""
    count = str(max(1, (os.cpu_count() or 1) // processes))
    threads = {
        "OMP_NUM_THREADS": count,
        "TQ_NUM_THREADS": count,  # of torch in TransferQueue, which warns at each access when there are fewer cores
    }
    return {name: os.environ.get(name, value) for name, value in threads.items()} | waiting_variables()


def waiting_variables() -> dict[str, str]:
    """What GNU's OpenMP reads when torch is imported: how long a thread spins before it sleeps, here about 0.1 ms.

    A policy passes through hundreds of small parallel operations. Threads that sleep at once, as with
    ``OMP_WAIT_POLICY=PASSIVE``, lose time on quiet cores, and those that spin as long as is usual lose several times as
    much on busy ones: ``benchmarks/cpu_passes.py``. What the environment says already is kept.
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return {"OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
    return {"GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", _SPINS)}
