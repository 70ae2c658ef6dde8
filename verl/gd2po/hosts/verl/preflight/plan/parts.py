"""What memory is made of."""

from dataclasses import dataclass

GIB = 2**30
DTYPE_BYTES = {"fp32": 4, "float32": 4, "bf16": 2, "bfloat16": 2, "fp16": 2, "float16": 2}


@dataclass(frozen=True)
class Part:
    """Bytes of one thing, and how they were counted."""

    name: str
    bytes: int
    how: str


@dataclass(frozen=True)
class Phase:
    """What lies on a GPU at one time of a step."""

    name: str
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Cache:
    """What is left for keys and values in one rollout replica.

    Attributes:
        bytes: on each of its GPUs.
        tokens: that fit into the replica.
        rows: of full length that fit at once.
    """

    bytes: int
    tokens: int
    rows: int
