"""The charts of a report, section by section."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gd2po.insight.report import drawing, panels
from gd2po.insight.report.curves import (
    CELLS,
    bin_width,
    curve,
    last_quarter,
    last_step,
    metric,
    over_time,
    weights_over_time,
)
from gd2po.insight.report.drawing import HEIGHT, Picture, Pictures
from gd2po.insight.report.panels import VALIDATION_PHASE, WHOLE_STEP, Panel
from gd2po.insight.report.rollouts import WEIGHT_BINS
from gd2po.insight.report.series import Series

_ROW_HEIGHT, _FRAME_HEIGHT = 0.26, 0.75
"""Inches of a row of a heat map, and of what is around it."""

_MATRIX_ROW_HEIGHT = 0.42
_WEIGHT_ROW_HEIGHT = 0.2
_LEGEND_HEIGHT = 0.6
_OTHER = "other"

_TRAINING = "Raw scores of the rollouts of each step, before any normalisation or weight."
_VALIDATION = "Raw scores on the test prompts."
_CONFLICT = (
    "A rollout is in conflict when some of its rewards vote for it and some against it, each against its own prompt's "
    "mean. GRPO and GDPO only report it. Tokens of masked rollouts were generated and then teach nothing."
)
_PAIRS = (
    "How often two rewards vote in opposite ways on a rollout: over time, the fuller the more often, and as a share in "
    "the last quarter of the run, mean over its runs."
)
_WATCHED = "Watched scores are logged beside the rewards, and nothing is trained on them."
_GAINS = (
    "What the update does to each reward, to first order: ⟨advantages of the reward, advantages used⟩ over the number "
    "of rollouts and the size of the advantages used. Below 0 the update is expected to push the reward down."
)
_WEIGHTS = (
    "Weights that move during the run. That of a reward with a target is its multiplier λ: it grows while the target "
    "is missed and falls while it is kept."
)
_UPDATE = (
    "Shares of the rewards are of the sum of the magnitudes of their terms over kept rollouts. The weight of a query "
    "is its kept share; its distribution shows the share of queries by weight, the fuller the more."
)
_GROUP_FILTER = (
    "Whole groups that verl's group filter (algorithm.filter_groups) evicted before the update, by reason, and those "
    "that were kept and trained on. A vote lives in a group if some reward tells its rollouts apart and the conflict "
    "filter leaves it. Prompts are generated in place of evicted groups, up to the limit of the run."
)
_TIME = "Mean over runs, by verl's timers; validation (testing) lies outside a step, and other is what no timer claims."


@dataclass(frozen=True)
class Section:
    """Charts under one heading.

    Attributes:
        title: The heading.
        text: The sentences that say how to read the charts.
        pictures: The charts, one at least.
        has_series: Whether the colours are those of the series.
    """

    title: str
    text: str
    pictures: tuple[Picture, ...]
    has_series: bool = True


def sections(series: Sequence[Series], pictures: Pictures) -> list[Section]:
    """All sections that have a chart."""
    rewards = panels.reward_names(series)
    curves = partial(_curves, series, pictures)
    watched = panels.watched_names(series)
    candidates = [
        Section(
            "Rewards in training",
            f"{_TRAINING} {_WATCHED}" if watched else _TRAINING,
            curves([*panels.training(rewards), *panels.watched(watched)]),
        ),
        Section("Rewards in validation", _VALIDATION, curves(panels.validation(series, rewards))),
        Section("Conflict", _CONFLICT, curves(panels.conflict())),
        Section("Which rewards conflict", _PAIRS, tuple(_conflicts(series, pictures))),
        Section(
            "Group filter",
            _GROUP_FILTER,
            (*_group_counts(series, pictures), *curves(panels.group_filter())),
        ),
        Section("Gain of each reward", _GAINS, curves(panels.gains(series, rewards))),
        Section("Weights", _WEIGHTS, curves(panels.moving_weights(series, rewards))),
        Section("The update", _UPDATE, (*curves(panels.update(rewards)), *_query_weights(series, pictures))),
        Section("Responses and time", "", curves(panels.responses())),
        Section("Time by phase", _TIME, tuple(_phases(series, pictures)), has_series=False),
    ]
    return [section for section in candidates if section.pictures]


def _curves(series: Sequence[Series], pictures: Pictures, chosen: Iterable[Panel]) -> tuple[Picture, ...]:
    return tuple(picture for panel in chosen for picture in _panel(series, pictures, panel))


def _panel(series: Sequence[Series], pictures: Pictures, panel: Panel) -> Iterator[Picture]:
    width = 1 if panel.every_step else bin_width(last_step(series))
    curves = {experiment: line for experiment in series if (line := curve(experiment, panel.quantity, width))}
    if curves:
        yield pictures.draw(
            panel.caption, partial(drawing.lines, curves=curves, share=panel.share, zero_line=panel.zero_line)
        )


def _conflicts(series: Sequence[Series], pictures: Pictures) -> Iterator[Picture]:
    pairs, width = panels.pair_names(series), bin_width(last_step(series), CELLS)
    quantities = [metric(f"conflict/pair/{first}|{second}") for first, second in pairs]
    names = [f"{first} | {second}" for first, second in pairs]
    tables = {member: table for member in series if len((table := over_time(member, quantities, width))[0])}
    full = max((float(np.nanmax(values)) for _, values in tables.values()), default=0.0) or 1.0
    for member, (steps, values) in tables.items():
        heat = partial(drawing.heat, steps=steps, rows=names, values=values, width=width)
        caption = f"{member.label}: conflicts over time (fullest colour: {full:.0%})"
        height = _FRAME_HEIGHT + _ROW_HEIGHT * len(pairs)
        yield pictures.draw(caption, partial(heat, number=member.number, full=full), height)
    for member in tables:
        yield _matrix(member, pairs, full, pictures)


def _matrix(member: Series, pairs: Sequence[tuple[str, str]], full: float, pictures: Pictures) -> Picture:
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    values = np.full((len(names), len(names)), np.nan)
    for first, second in pairs:
        means = last_quarter(member, metric(f"conflict/pair/{first}|{second}"))
        row, column = names.index(first), names.index(second)
        values[row, column] = values[column, row] = np.mean(means) if means else np.nan
    draw = partial(drawing.matrix, names=names, values=values, number=member.number, full=full)
    height = _FRAME_HEIGHT + _MATRIX_ROW_HEIGHT * len(names)
    return pictures.draw(f"{member.label}: conflicts in the last quarter", draw, height)


def _query_weights(series: Sequence[Series], pictures: Pictures) -> Iterator[Picture]:
    """Only of series whose weights differ; the largest weight is at the top."""
    bounds = [f"{(place - 1) / WEIGHT_BINS:g} to {place / WEIGHT_BINS:g}" for place in range(1, WEIGHT_BINS + 1)]
    rows, width = ["0, emptied", *bounds][::-1], bin_width(last_step(series), CELLS)
    height = _FRAME_HEIGHT + _WEIGHT_ROW_HEIGHT * len(rows)
    for member in series:
        steps, shares = weights_over_time(member, width)
        if not shares[:-1].any():
            continue
        full = float(shares.max())
        cells = partial(drawing.heat, steps=steps, rows=rows, values=shares[::-1])
        draw = partial(cells, width=width, number=member.number, full=full)
        yield pictures.draw(f"{member.label}: queries by weight (fullest colour: {full:.0%})", draw, height)


def _group_counts(series: Sequence[Series], pictures: Pictures) -> Iterator[Picture]:
    """Only of series with a group filter; what never occurred has no part."""
    width = bin_width(last_step(series))
    for member in series:
        steps, counts = over_time(member, list(panels.GROUPS.values()), width)
        if not np.isfinite(counts).any():
            continue
        numbers = zip(panels.GROUPS, np.nan_to_num(counts), strict=True)
        parts = {name: values for name, values in numbers if values.any()}
        draw = partial(drawing.stacked, steps=steps, parts=parts, unit="groups")
        yield pictures.draw(f"{member.label}: groups of each step", draw, HEIGHT + _LEGEND_HEIGHT)


def _phases(series: Sequence[Series], pictures: Pictures) -> Iterator[Picture]:
    phases, width = panels.phase_names(series), bin_width(last_step(series))
    for member in series:
        steps, seconds = over_time(member, [panels.seconds(name) for name in (WHOLE_STEP, *phases)], width)
        if not len(steps):
            continue
        parts = dict(zip(phases, seconds[1:], strict=True))
        inside = sum(values for name, values in parts.items() if name != VALIDATION_PHASE)
        parts[_OTHER] = np.clip(seconds[0] - inside, 0, None)
        draw = partial(drawing.stacked, steps=steps, parts=parts, unit="seconds")
        yield pictures.draw(f"{member.label}: seconds by phase", draw, HEIGHT + _LEGEND_HEIGHT)
