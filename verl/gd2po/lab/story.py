"""The sentences of the document, with the tables between them."""

from collections.abc import Iterator

from gd2po.lab import content
from gd2po.lab.content import Section
from gd2po.lab.summary import Summary

TITLE = "Results: which method in which regime"


def sections(summary: Summary) -> Iterator[Section]:
    """The parts of the document."""
    everything = tuple(summary.methods)
    yield Section("Methods over all worlds", (content.overview(summary), content.other_measures(summary)))
    yield Section("By regime", (content.regimes(summary, content.MAIN),))
    yield Section(
        "World by world",
        (
            *(content.worlds_table(summary, held_out, content.MAIN, "document") for held_out in (False, True)),
            *(content.worlds_table(summary, held_out, everything, "page") for held_out in (False, True)),
        ),
    )
    yield Section("Where each loses", (content.losses(summary, everything),))
    yield Section("Why", (content.updates_table(summary, everything),))
    yield Section("Predictions", (content.predictions_table(summary), content.rules_table(summary)))
