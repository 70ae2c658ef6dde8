"""The check as one HTML file, with charts: who contradicts whom, what each τ would leave, and each reward's gain."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from markupsafe import Markup

from gd2po.insight import page
from gd2po.insight.charts import LINE, SERIES, TEXT, page_figure, style_of, to_svg
from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import GDPO, HARD, MethodResult
from gd2po.insight.check.verdict import LEVELS, Verdict, rules
from gd2po.insight.check.verdict.findings import decimal, percent, with_gain, with_interval, with_loss
from gd2po.insight.check.wording import account_lines, number, of_rewards, signed, weight_text
from gd2po.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (4.6, 3.4)
"""Inches of each chart."""

_CURVES = (
    ("kept", "rollouts kept", SERIES[0]),
    ("effective", "effective sample", SERIES[2]),
    ("cosine_gdpo", "cosine with GDPO", SERIES[3]),
    ("emptied", "groups emptied", SERIES[1]),
)

_Curve = tuple[str, Callable[[MethodResult], Interval], tuple[str, str]]
"""A label, the figure of a method, and colour and dash."""


def to_html(evidence: Evidence, verdict: Verdict) -> str:
    """A self-contained page: verdict, conflict matrix, τ curve, tables."""
    return page.render(
        "check/check.html.jinja",
        f"Check of {len(evidence.rewards)} rewards on {evidence.rollouts:,} rollouts",
        evidence=evidence,
        verdict=verdict,
        level=LEVELS[verdict.outcome],
        account=list(account_lines(evidence)),
        matrix=_chart(
            _draw_matrix, evidence, "Share of rollouts on which the votes of two rewards have opposite signs"
        ),
        thresholds=_chart(
            _draw_thresholds, evidence, "Rollouts kept, groups emptied, effective sample and cosine with GDPO over τ"
        ),
        gains=_chart(_draw_gains, evidence, "Gain of each reward over τ"),
        rules=rules,
        decimal=decimal,
        percent=percent,
        with_gain=with_gain,
        with_interval=with_interval,
        with_loss=with_loss,
        number=number,
        signed=signed,
        weight_text=weight_text,
    )


def _chart(draw: Callable[["Figure", Evidence], None], evidence: Evidence, description: str) -> Markup:
    with page_figure(*_SIZE) as figure:
        draw(figure, evidence)
        return to_svg(figure, description)


def _draw_matrix(figure: "Figure", evidence: Evidence) -> None:
    """The conflict of each pair of rewards, darker the more they contradict each other."""
    from matplotlib.patches import Rectangle

    names, axes = of_rewards(evidence), figure.add_subplot()
    for pair in evidence.pairs:
        first, second = names.index(pair.first), names.index(pair.second)
        for x, y in ((first, second), (second, first)):
            axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=SERIES[1], alpha=pair.conflict * 0.9))
            axes.text(x, y, percent(pair.conflict), ha="center", va="center")
    last = len(names) - 0.5
    axes.set(xlim=(-0.5, last), ylim=(last, -0.5), xticks=range(len(names)), yticks=range(len(names)))
    axes.set_xticklabels(names, rotation=30 if len(names) > 3 else 0, ha="right" if len(names) > 3 else "center")
    axes.set_yticklabels(names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _draw_thresholds(figure: "Figure", evidence: Evidence) -> None:
    """What the SNR filter leaves at each τ, with the limits."""
    axes = _axes_over_thresholds(
        figure, evidence, [(label, attrgetter(name), (colour, "-")) for name, label, colour in _CURVES]
    )
    for share, (_, _, colour) in ((rules.KEPT_AT_LEAST, _CURVES[0]), (rules.EMPTIED_AT_MOST, _CURVES[3])):
        axes.axhline(share, color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(0, 1.02)


def _draw_gains(figure: "Figure", evidence: Evidence) -> None:
    """The gain of each reward at each τ, with the line below which the update pushes it down."""
    names = of_rewards(evidence)
    gains = [(name, partial(_gain, name), style_of(place)) for place, name in enumerate(names)]
    _axes_over_thresholds(figure, evidence, gains).axhline(0, color=TEXT, linewidth=0.8)


def _gain(name: str, method: MethodResult) -> Interval:
    return method.gain[name]


def _axes_over_thresholds(figure: "Figure", evidence: Evidence, curves: Iterable[_Curve]) -> "Axes":
    """Figures of the SNR filter at each τ, from GDPO at 0 to Hard at 1, with 95 % intervals."""
    axes = figure.add_subplot()
    methods = [evidence.method(GDPO), *evidence.snr, evidence.method(HARD)]
    taus = [0.0, *(method.tau for method in evidence.snr if method.tau is not None), 1.0]
    for label, interval, (colour, dash) in curves:
        values, low, high = zip(*map(interval, methods), strict=True)
        axes.fill_between(taus, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(taus, values, color=colour, linestyle=dash, label=label, marker="o", markersize=3)
    axes.set(xlabel="τ: 0 is GDPO, 1 is Hard", xlim=(0, 1))
    axes.grid(color=LINE, linewidth=0.5)
    figure.legend(loc="outside upper left", ncols=2, labelcolor=TEXT)
    return axes
