"""Figures of a summary that sentences name."""

from gd2po.lab import tables
from gd2po.lab.outcomes import Ends
from gd2po.lab.parts import signed, with_ends
from gd2po.lab.summary import Summary


class Figures:
    """Figures of a summary that sentences name."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def worlds(self, held_out: bool) -> int:
        """The number of worlds of a set."""
        return len(tables.of_set(self._summary, held_out))

    def clear(self, method: str, held_out: bool | None = None) -> tuple[int, int]:
        """In how many worlds a method is clearly better than GDPO, and in how many clearly worse."""
        cells = [
            self._summary.cells[task.name][method].clear
            for task in self._summary.tasks
            if held_out in (None, task.held_out) and method in self._summary.cells[task.name]
        ]
        return cells.count("better"), cells.count("worse")

    def mean(self, method: str, held_out: bool) -> Ends:
        """The mean difference of a method to GDPO over a set of worlds, with its interval."""
        values = tables.differences(self._summary, method, tables.of_set(self._summary, held_out))
        return tables.over(values) if values else (0.0, 0.0, 0.0)

    def better_worse(self, method: str) -> str:
        """``better in 5 and worse in 13``, over both sets."""
        better, worse = self.clear(method)
        return f"clearly better in {better} and clearly worse in {worse}"

    def both(self, method: str) -> str:
        """The mean differences in both sets, with their intervals."""
        return f"{with_ends(self.mean(method, False))} in the first set, {with_ends(self.mean(method, True))} held out"

    def worst(self, method: str) -> str:
        """The world in which a method loses most against GDPO, and how much."""
        losses = [(cells[method].difference[0], name) for name, cells in self._summary.cells.items() if method in cells]
        value, name = min(losses, default=(0.0, ""))
        return f"{name} {signed(value)}"
