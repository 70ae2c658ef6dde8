"""The precision of a model on this machine's CPU: bfloat16 where that is faster, float32 otherwise.

Processors differ: with AMX tiles bfloat16 trains several times as fast as float32, with AVX-512-BF16 up to twice, and
without either it is slower. So it is measured, once per machine, and the result is kept. A small model gains nothing,
because its time is not that of matrix products, and rollouts and trainer agree to 1e-6 only in float32.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from gd2po.errors import SettingsError
from gd2po.files import write_whole
from gd2po.paths import cache_dir

VARIABLE = "GD2PO_CPU_PRECISION"
"""The environment variable that decides instead of a measurement: ``float32``, ``bfloat16``, or ``auto``."""

Precision = Literal["float32", "bfloat16"]

MIN_WEIGHTS = 20_000_000
"""The number of weights from which bfloat16 is considered; docs/performance.md has the measurement."""

MIN_GAIN = 1.2
"""How many times as fast as float32 training in bfloat16 must be."""

_FILE = "cpu_precision.json"
_ROWS, _WIDTH, _INNER, _REPEATS = 512, 576, 1536, 4


@dataclass(frozen=True, slots=True)
class Measurement:
    """How fast this machine computes.

    Attributes:
        machine: The processor, the number of threads and the version of torch that it holds for.
        product: The speed of a matrix product in bfloat16 over that in float32.
        training: The speed of a forward and backward pass through a small network in bfloat16 over that in float32.
        gflops: The floating-point operations in a second of that pass in bfloat16 on all threads, in units of 1e9.
    """

    machine: str
    product: float
    training: float
    gflops: float

    @property
    def bfloat16_pays(self) -> bool:
        return self.training >= MIN_GAIN


@dataclass(frozen=True, slots=True)
class Choice:
    """The precision of a run, and a sentence that says why."""

    precision: Precision
    why: str


def choose_precision(weights: int) -> Choice:
    """The precision in which a model of so many weights is computed on this machine.

    Raises:
        SettingsError: The environment variable has another value.
    """
    chosen = os.environ.get(VARIABLE, "auto").strip().lower() or "auto"
    if chosen == "float32":
        return Choice("float32", f"{VARIABLE}={chosen}")
    if chosen == "bfloat16":
        return Choice("bfloat16", f"{VARIABLE}={chosen}")
    if chosen != "auto":
        raise SettingsError(f"{VARIABLE} is {chosen!r}; expected auto, float32 or bfloat16")
    if weights < MIN_WEIGHTS:
        return Choice(
            "float32",
            f"the model has {weights / 1e6:.1f} M weights, and below {MIN_WEIGHTS / 1e6:.0f} M bfloat16 gains nothing",
        )
    measured = measurement()
    return Choice("bfloat16" if measured.bfloat16_pays else "float32", describe(measured))


def describe(measured: Measurement) -> str:
    """A measurement in one sentence."""
    return (
        f"training in bfloat16 is {measured.training:.1f} times as fast as in float32 here, a matrix product "
        f"{measured.product:.1f} times"
    )


def measurement() -> Measurement:
    """How fast this machine computes, from the file of an earlier call or measured now, which takes a second or two."""
    path = cache_dir() / _FILE
    known = _read(path)
    if known is not None and known.machine == _machine(torch.get_num_threads()):
        return known
    measured = measure()
    try:
        write_whole(path, json.dumps(asdict(measured)))
    except OSError:  # a home that cannot be written: measured again next time
        return measured
    return measured


def measure() -> Measurement:
    """Measure now: the best of a few repeats, in processor time of one thread, which other programs hardly change."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(threads)
    finally:
        torch.set_num_threads(threads)


def _measure(threads: int) -> Measurement:
    products: dict[torch.dtype, Callable[[], object]] = {}
    passes: dict[torch.dtype, Callable[[], object]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(_ROWS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _INNER, dtype=dtype)
        products[dtype] = partial(torch.matmul, left, right)
        passes[dtype] = _training_pass(dtype)
    product, training = _best(products), _best(passes)
    operations = 3 * 2 * _ROWS * 3 * _WIDTH * _INNER
    return Measurement(
        machine=_machine(threads),
        product=product[torch.float32] / product[torch.bfloat16],
        training=training[torch.float32] / training[torch.bfloat16],
        gflops=threads * operations / training[torch.bfloat16] / 1e9,
    )


def _training_pass(dtype: torch.dtype) -> Callable[[], object]:
    """A forward and backward pass through one gated block, as language models have them."""
    norm = torch.nn.RMSNorm(_WIDTH, dtype=dtype)
    gate, up = (torch.nn.Linear(_WIDTH, _INNER, bias=False, dtype=dtype) for _ in range(2))
    down = torch.nn.Linear(_INNER, _WIDTH, bias=False, dtype=dtype)
    rows = torch.ones(_ROWS, _WIDTH, dtype=dtype, requires_grad=True)

    def run() -> None:
        inner = norm(rows)
        (rows + down(torch.nn.functional.silu(gate(inner)) * up(inner))).sum().backward()

    return run


def _best(tasks: dict[torch.dtype, Callable[[], object]]) -> dict[torch.dtype, float]:
    """Seconds of the fastest repeat of each, after one that is not counted."""
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in tasks}
    for _ in range(_REPEATS + 1):
        for dtype, task in tasks.items():
            begin = time.thread_time()
            task()
            seconds[dtype].append(time.thread_time() - begin)
    return {dtype: min(times[1:]) for dtype, times in seconds.items()}


def _machine(threads: int) -> str:
    return f"{platform.node()} {_processor()} {threads} threads torch {torch.__version__}"


def _processor() -> str:
    """The name of the processor, and the extensions of it that matter."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f") if flag in fields.get("flags", "").split()]
    return " ".join([fields.get("model name", platform.machine()), *flags])


def _read(path: Path) -> Measurement | None:
    try:
        return Measurement(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # none yet, or of another version
        return None
