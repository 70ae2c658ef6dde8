"""The modules that are sent into a sandbox, which sees no file of this package."""

import functools
import marshal
from pathlib import Path

from gd2po.rewards.coding.sandbox import inside

_MODULES = ("frames", "values", "script", "referee", "runner")
"""The modules of :mod:`.inside`; each imports none but those before it."""


def sources(last: str) -> list[tuple[str, str]]:
    """The names and the sources of the modules up to the one that is called ``last``, in the order of their imports."""
    folder = Path(str(inside.__file__)).parent
    names = _MODULES[: _MODULES.index(last) + 1]
    return [(f"{inside.__name__}.{name}", (folder / f"{name}.py").read_text(encoding="utf-8")) for name in names]


@functools.cache
def bytecode(last: str) -> bytes:
    """The names and the code objects of the same modules, as ``marshal`` writes them."""
    return marshal.dumps([(name, compile(source, name, "exec")) for name, source in sources(last)])
