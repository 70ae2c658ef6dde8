"""The sentences of the document, with the tables between them.

Figures are filled in from the summary; the words were written for the results in ``docs/results.json``, and tests
compare what they claim with them.
"""

from collections.abc import Iterator

from gd2po.lab import content
from gd2po.lab.content import Section, Table, TableCell, percent, plain, signed, with_ends
from gd2po.lab.methods import METHODS
from gd2po.lab.rules import CHECK
from gd2po.lab.summary import SETS, Ends, Summary

TITLE = "Results: which method in which regime"


class Figures:
    """Figures of a summary that sentences name."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def worlds(self, held_out: bool) -> int:
        """The number of worlds of a set."""
        return len(content.of_set(self._summary, held_out))

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
        values = content.differences(self._summary, method, content.of_set(self._summary, held_out))
        return content.over(values) if values else (0.0, 0.0, 0.0)

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


def sections(summary: Summary) -> Iterator[Section]:
    """The parts of the document."""
    figures, everything = Figures(summary), tuple(summary.methods)
    yield Section("", (_introduction(summary),))
    yield Section("In short", (_in_short(summary, figures),))
    yield Section("How to choose", (_decisions(figures),))
    yield Section("What was run", _setting(summary))
    yield Section(
        "Methods over all worlds",
        (
            "Differences of the weighted mean of the gold rewards after the last step to `gdpo`: means over worlds "
            "with 95 % intervals (bootstrap over worlds), and the number of worlds in which a method is clearly better "
            "or worse than `gdpo` (see above).",
            content.overview(summary),
            "Over all worlds: the mean over the training (area under the curve), the least of the gold rewards, the "
            "hypervolume of the evaluated policies (worlds of two or three rewards), and the difference to the best of "
            "the papers' methods in each world, chosen on the other half of the seeds.",
            content.other_measures(summary),
        ),
    )
    yield Section(
        "By regime",
        (
            "Mean differences to `gdpo` over the worlds of a regime, of both sets; a world can be in several.",
            content.regimes(summary, content.MAIN),
        ),
    )
    yield Section(
        "World by world",
        (
            "Weighted mean of the gold rewards after the last step; bold with + or −: clearly better or worse than "
            "`gdpo`. The first set:",
            content.worlds_table(summary, False, content.MAIN, "document"),
            content.worlds_table(summary, False, everything, "page"),
            "The held-out set:",
            content.worlds_table(summary, True, content.MAIN, "document"),
            content.worlds_table(summary, True, everything, "page"),
        ),
    )
    yield Section("Where each loses", ("Clear losses against `gdpo`:", content.losses(summary, everything)))
    yield Section("Why", (*_why(), content.updates_table(summary, everything)))
    yield Section("Predictions against outcomes", _predictions(summary))
    if summary.trainings:
        yield Section("In the real trainer", _trainings(summary))
    yield Section("The papers' claims beside it", (_claims(figures),))
    yield Section("Make it again", _commands())


def _introduction(summary: Summary) -> str:
    counts = " and ".join(f"{sum(task.held_out is held for task in summary.tasks)} {name}" for name, held in _SETS)
    text = (
        f"{len(summary.methods)} methods in small exact worlds ({counts}), made by `gd2po lab worlds` and "
        "`gd2po lab page`; all figures of this page are in `results.json` beside it. Small policies without a language "
        "prior are hints about large ones, not proofs."
    )
    if summary.left_out:
        text += f" Not finished, and left out: {', '.join(summary.left_out)}."
    return text


_SETS = (("in the first set", False), ("held out", True))


def _in_short(summary: Summary, figures: Figures) -> tuple[str, ...]:
    hard, gentle = figures.clear("gd2po_hard"), figures.clear("gd2po_snr0.2")
    total = len(summary.tasks)
    return (
        f"**Masking costs.** Against GDPO, Hard is clearly better in {hard[0]} of {total} worlds and clearly worse in "
        f"{hard[1]}; SNR with τ = 0.2 in {gentle[0]} and {gentle[1]}. Mean differences of Hard: "
        f"{figures.both('gd2po_hard')}.",
    )


def _decisions(figures: Figures) -> tuple[str, ...]:
    return ()


def _setting(summary: Summary) -> tuple["str | tuple[str, ...] | Table", ...]:
    slow = [name for name, method in METHODS.items() if method.most_seeds]
    return (
        "A world is a set of rewards over answers of five tokens (1,024 answers), with 64 prompts to train on and 32 "
        "to test on; a policy with one hidden layer, 796 weights that all prompts share, answers them. Expected gold "
        "rewards are exact, by enumeration. Training is PPO with a clip of 0.2, four mini-batches and 16 groups of 8 a "
        "step, Adam, gradients cut to norm 1, 200 steps, where a world does not say otherwise.",
        (
            "All methods of a world and a seed share start, prompts and random numbers, so differences are paired. "
            f"20 seeds; 5 for {', '.join(f'`{name}`' for name in slow)}, whose weights a solver finds for one seed "
            "at a time.",
            "*Clearly*: the paired t test over seeds has p < 0.05 after Holm's correction for all comparisons with "
            "`gdpo` of a set of worlds, and the mean difference is at least .001. Intervals are 95 % percentile "
            "bootstraps of 2,000 samples, without a correction.",
            "The first set follows the descriptions of an earlier lab; learning rates were set by what `gdpo` learned "
            "in it. The held-out worlds were written down, and committed, before any method was run in one of them.",
            "The advantages are those of the registered normalisers, filters and combinations; a test compares every "
            "method with `compute_advantages`, seed by seed, to 1e-6.",
        ),
    )


def _why() -> tuple[str, ...]:
    return (
        "Means over all worlds, at the start and at the policies that `gdpo` has halfway: the cosine of the update of "
        "one batch with the exact gradient of the weighted gold rewards; the cosine of the mean over batches, which "
        "more data would approach; the squared length of the mean over the variance of a batch; the share of rollouts "
        "that are masked.",
    )


def _predictions(summary: Summary) -> tuple["str | tuple[str, ...] | Table", ...]:
    return (
        "The gain c_k ([method](method.md#metrics)) is computed from sampled scores alone. Rank correlation: of the "
        "predicted summed gain with what the weighted gold rewards did in the next 25 steps, over methods, mean over "
        "worlds. The last columns: how often a gold reward fell where its predicted gain was below, or above, 0 beyond "
        "two standard errors.",
        content.predictions_table(summary),
        "Rules that choose a method from the rollouts of 64 prompts: their mean distance to the best of twelve "
        "candidates, how often their choice is within noise of it, and the difference to always taking `gdpo`.",
        content.rules_table(summary),
    )


def _trainings(summary: Summary) -> tuple["str | tuple[str, ...] | Table", ...]:
    rows = []
    for task, cells in summary.trainings.items():
        for method, cell in cells.items():
            rows.append(
                (
                    TableCell(f"{task}, `{method}`"),
                    TableCell(str(cell.seeds)),
                    TableCell(plain(sum(cell.mean) / len(cell.mean))),
                    TableCell(with_ends(cell.difference)),
                    TableCell(with_ends(cell.equal_time) if cell.equal_time else "–"),
                )
            )
    heads = ("task, method", "seeds", "mean reward", "to `gdpo` at equal rollouts", "at equal time")
    return (
        "verl's own trainer on CPU, by `gd2po lab runs`: the tiny policy of the quickstart. Few seeds and few steps: "
        "this shows that it runs, not which method is better.",
        Table(heads, tuple(rows)),
    )


def _claims(figures: Figures) -> Table:
    return Table(("claim", "seen here", "what differs"), ())


def _commands() -> tuple[str, ...]:
    return (
        "```bash\ngd2po lab worlds --seeds 20\ngd2po lab page outputs/lab --summary docs/results.json --document "
        "docs/results.md --html results.html\n```",
    )


__all__ = ["CHECK", "SETS", "TITLE", "percent", "sections"]
