"""Which model a quickstart trains: a real one where this machine is fast enough, else a tiny one from scratch."""

from collections.abc import Callable
from pathlib import Path

import psutil

from gd2po.cpu_precision import describe, measurement
from gd2po.quickstart.plan import TINY_MODEL

AUTO, DEFAULT = "auto", "smollm2-135m-instruct"

MIN_GFLOPS = 340.0
"""The speed of training passes in bfloat16, in 1e9 operations a second, at which it takes about ten minutes."""

MIN_GIB = 8.0
"""The free memory, in GiB, with which the quickstart trains the language model."""


def resolve_model(name: str, tell: Callable[[str], None]) -> str:
    """The model to start from: :data:`~gd2po.quickstart.plan.TINY_MODEL`, a folder, or the name of one on a hub.

    Args:
        name: A name of ``gd2po model list``, a folder, the name of a model on a hub, ``tiny``, or ``auto``.
        tell: Called with a sentence about each decision.

    Raises:
        DownloadError: The model can be fetched from nowhere.
    """
    from gd2po.pretrained import MODELS, get_model, model_folder

    if name == AUTO:
        name = _choose(tell)
    if name == TINY_MODEL:
        return name
    if name.lower() in MODELS:
        model = MODELS[name.lower()]
        folder = model_folder(model)
        tell(f"{model.name}, licence: {model.terms}")
        tell(f"{folder}: {get_model(model, folder, tell=tell)}")
        return str(folder)
    folder = Path(name).expanduser()
    return str(folder.absolute()) if folder.is_dir() else name


def _choose(tell: Callable[[str], None]) -> str:
    """The real model, where it takes minutes by a measurement, and memory is free for it."""
    measured = measurement()
    speed = f"{describe(measured)}, and reaches {measured.gflops:.0f} GFLOP/s"
    free = psutil.virtual_memory().available / 2**30
    if not (measured.bfloat16_pays and measured.gflops >= MIN_GFLOPS):
        tell(
            f"{speed}; {DEFAULT} needs {MIN_GFLOPS:.0f}, as two cores with AMX or AVX-512-BF16 have, to be trained in "
            f"ten minutes: training a tiny policy instead. --model {DEFAULT} trains it nevertheless, in about "
            f"{max(10, 10 * MIN_GFLOPS / measured.gflops):.0f} minutes"
        )
        return TINY_MODEL
    if free < MIN_GIB:
        tell(
            f"{free:.1f} GiB of memory are free, and {DEFAULT} needs {MIN_GIB:.0f}: training a tiny policy instead. "
            f"--model {DEFAULT} tries the language model nevertheless"
        )
        return TINY_MODEL
    tell(f"{speed}: training the language model {DEFAULT}")
    return DEFAULT
