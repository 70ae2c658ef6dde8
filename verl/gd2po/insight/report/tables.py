"""What a report says in words and numbers: results, runs, settings, and the rollouts with the strongest conflicts."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from gd2po.insight.report import panels
from gd2po.insight.report.curves import Quantity, last_quarter, metric
from gd2po.insight.report.rollouts import Row, named, scores, votes, weights_of
from gd2po.insight.report.run import Run
from gd2po.insight.report.series import Series, differences
from gd2po.insight.report.watched import watched_notes

Table = list[dict[str, str]]
"""Rows: heading → cell."""

_LONGEST_TEXT = 8000
"""Characters of a prompt or response in the page."""

_NOTHING = "–"


def results(series: Sequence[Series]) -> Table:
    """A row per series: means over the last quarter of its runs, and from the smallest run to the largest."""
    columns: dict[str, tuple[Quantity, Callable[[float], str]]] = {
        **{name: (metric(f"reward/{name}/mean"), _number) for name in panels.reward_names(series)},
        **{f"{name} (watched)": (metric(f"watch/{name}/mean"), _number) for name in panels.watched_names(series)},
        "conflict rate": (metric("conflict/rate"), _share),
        "kept share": (metric("conflict/kept"), _share),
        "tokens masked": (metric("tokens/masked_share"), _share),
        "response tokens": (metric("response_length/mean"), _number),
        "seconds a step": (metric("timing_s/step"), _number),
    }
    return [
        {"": member.label, "seeds": _seeds(member)}
        | {name: _spread(last_quarter(member, quantity), shown) for name, (quantity, shown) in columns.items()}
        | {"masked tokens, all runs": _masked(member)}
        for member in series
    ]


def runs(series: Sequence[Series]) -> Table:
    """A row per run: where it is, how far it got, and its software."""
    return [
        {
            "": run.folder.name,
            "series": member.label,
            "seed": _text(run.description.seed),
            "progress": run.progress + (", ended" if run.has_ended else ""),
            "started": ", ".join(str(start["time"]) for start in run.description.starts) or "not recorded",
            "software": _versions(run),
        }
        for member in series
        for run in member.runs
    ]


def differing_settings(series: Sequence[Series]) -> Table:
    """A row per setting that differs between series."""
    return [
        {"": key} | {member.label: _text(value) for member, value in zip(series, values, strict=True)}
        for key, values in differences(series).items()
    ]


def all_settings(series: Sequence[Series]) -> dict[str, str]:
    """Label → settings of gd2po and the configuration of verl, of the first run of each series."""
    return {member.label: _settings(member.runs[0]) for member in series}


def conflicts(series: Sequence[Series], shown: int) -> dict[str, list[dict[str, Any]]]:
    """Label → the rollouts with the strongest conflicts, over all runs of the series."""
    rows = {member.label: [_conflict(run, row) for run in member.runs for row in run.conflicts] for member in series}
    ranked = {
        label: sorted(rows, key=lambda row: row["cancelled"], reverse=True)[:shown] for label, rows in rows.items()
    }
    return {label: rows for label, rows in ranked.items() if rows}


def notes(series: Sequence[Series]) -> list[str]:
    """What is left out, and what a reader could take wrongly."""
    return [
        note
        for member in series
        for note in (
            *_same_seeds(member),
            *watched_notes(member),
            *(text for run in member.runs for text in run.notes),
        )
    ]


def _conflict(run: Run, row: Row) -> dict[str, Any]:
    weights = weights_of(row, run.description.weights)
    weighted, advantages, raw = votes(row, run.description.weights), named(row, "adv/"), scores(row)
    return {
        "cancelled": row["cancelled"],
        "step": row["step"],
        "run": run.folder.name,
        "votes": {name: f"{value:+.2f}" for name, value in weighted.items()},
        "fate": "kept" if row["kept"] else "masked",
        "rewards": [
            {
                "": name,
                "score": _number(raw[name]) if name in raw else _NOTHING,
                "advantage": f"{advantages[name]:+.3f}",
                "weight": f"{weights.get(name, 1.0):g}",
                "vote": f"{weighted[name]:+.3f}",
            }
            for name in advantages
        ],
        "query_weight": _number(row["query_weight"]),
        "advantage": f"{row['advantage']:+.3f}",
        "prompt": _cut(row["input"]),
        "response": _cut(row["output"]),
    }


def _cut(text: Any) -> str:
    text = str(text)
    more = len(text) - _LONGEST_TEXT
    return text if more <= 0 else f"{text[:_LONGEST_TEXT]}\n… {more:,} more characters"


def _settings(run: Run) -> str:
    config = "\n".join(f"{key}: {_text(value)}" for key, value in sorted(run.description.config.items()))
    ours = (
        json.dumps(run.description.settings, indent=2, ensure_ascii=False)
        if run.description.settings
        else "not recorded"
    )
    return f"gd2po\n{ours}\n\nverl\n{config or 'not recorded'}"


def _same_seeds(member: Series) -> list[str]:
    seeds = [run.description.seed for run in member.runs if run.description.seed is not None]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    return [f"{member.label}: seed {seed} comes {seeds.count(seed)} times; such runs are no spread" for seed in twice]


def _masked(member: Series) -> str:
    counts = [panels.masked_tokens(values) for run in member.runs for values in run.steps.values()]
    known = [count for count in counts if count is not None]
    return f"{sum(known):,.0f}" if known else _NOTHING


def _versions(run: Run) -> str:
    starts = (
        ", ".join(f"{name} {value}" for name, value in start["versions"].items()) for start in run.description.starts
    )
    return "; then ".join(dict.fromkeys(starts)) or "not recorded"


def _seeds(member: Series) -> str:
    return ", ".join(_text(run.description.seed) for run in member.runs)


def _spread(means: Sequence[float], shown: Callable[[float], str]) -> str:
    if not means:
        return _NOTHING
    middle, low, high = (shown(value) for value in (sum(means) / len(means), min(means), max(means)))
    return f"{middle}\n{low} to {high}" if low != high else middle


def _number(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _text(value: Any) -> str:
    return _NOTHING if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
