"""How one file for training or validation is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gd2po.data.writing import PrepareReport

Files = Mapping[str, Path]
"""Name of a member → its published file."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one file for training or validation is made.

    Attributes:
        name: ``set/file``, the name on the command line.
        needs: The members without which the file cannot be made.
        make: The function that writes it; gets the published files that are here, and the destination.
        uses: Further members that are given to ``make`` when they are here.
    """

    name: str
    needs: tuple[str, ...]
    make: Callable[[Files, Path], PrepareReport]
    uses: tuple[str, ...] = ()

    def path(self, root: Path) -> Path:
        """The place of the file below the folder of the data sets."""
        return root / f"{self.name}.parquet"
