"""Questions whose reference answer cannot be compared soundly. They are asked and count; a summary lists them.

The positions are those of the published files, which are recognised by their checksums. Found by giving every reference
to math-verify 0.9.0 and reading what it made of it.
"""

from collections.abc import Mapping
from types import MappingProxyType

_LITERAL = "the reference cannot be read as a formula, so only an answer that is written like it counts as right"
_LOOSE = "a part of the reference is left out when it is read, so an answer without it counts as right, too"

FLAWED: Mapping[str, Mapping[int, str]] = MappingProxyType({
    "minerva_math": MappingProxyType(
        dict.fromkeys((27, 138, 261), _LITERAL) | dict.fromkeys((104, 116, 137, 268), _LOOSE)
    ),
    "olympiadbench": MappingProxyType(
        dict.fromkeys((34, 96), _LITERAL) | dict.fromkeys((73, 117, 122), _LOOSE)
    ),
})  # fmt: skip
"""By set and position, the flaw of the reference."""
