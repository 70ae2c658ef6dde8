"""The check as one HTML file, with charts: who contradicts whom, what each τ would leave, and each reward's gain."""

from typing import TYPE_CHECKING

from gd2po.insight import page
from gd2po.insight.charts import LINE, SERIES, TEXT, page_figure, to_svg
from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import GDPO, HARD, MethodResult
from gd2po.insight.check.verdict import LEVELS, Verdict, rules
from gd2po.insight.check.verdict.findings import decimal, percent, with_gain, with_interval, with_loss
from gd2po.insight.check.wording import account_lines, number, of_rewards, signed, weight_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (4.6, 3.4)
"""Inches of each chart."""

_DASHES = ("-", "--", ":")

_CURVES = (
    ("kept", "rollouts kept", SERIES[0]),
    ("effective", "effective sample", SERIES[2]),
    ("cosine_gdpo", "cosine with GDPO", SERIES[3]),
    ("emptied", "groups emptied", SERIES[1]),
)


def to_html(evidence: Evidence, verdict: Verdict) -> str:
    """A self-contained page: verdict, conflict matrix, τ curve, tables."""
    with page_figure(*_SIZE) as figure:
        _draw_matrix(figure, evidence)
        matrix = to_svg(figure, "Share of rollouts on which the votes of two rewards have opposite signs")
    with page_figure(*_SIZE) as figure:
        _draw_thresholds(figure, evidence)
        thresholds = to_svg(figure, "Rollouts kept, groups emptied, effective sample and cosine with GDPO over τ")
    with page_figure(*_SIZE) as figure:
        _draw_gains(figure, evidence)
        gains = to_svg(figure, "Gain of each reward over τ")
    return page.render(
        "check/check.html.jinja",
        f"Check of {len(evidence.rewards)} rewards on {evidence.rollouts:,} rollouts",
        evidence=evidence,
        verdict=verdict,
        level=LEVELS[verdict.outcome],
        account=list(account_lines(evidence)),
        matrix=matrix,
        thresholds=thresholds,
        gains=gains,
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
    """What the SNR filter leaves at each τ, from GDPO at 0 to Hard at 1, with 95 % intervals and the limits."""
    axes = figure.add_subplot()
    taus, methods = _over_thresholds(evidence)
    for field, label, colour in _CURVES:
        values, low, high = zip(*(getattr(method, field) for method in methods), strict=True)
        axes.fill_between(taus, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(taus, values, color=colour, label=label, marker="o", markersize=3)
    _limit(axes, rules.KEPT_AT_LEAST, _CURVES[0][2])
    _limit(axes, rules.EMPTIED_AT_MOST, _CURVES[3][2])
    axes.set(xlabel="τ: 0 is GDPO, 1 is Hard", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color=LINE, linewidth=0.5)
    figure.legend(loc="outside upper left", ncols=2, labelcolor=TEXT)


def _over_thresholds(evidence: Evidence) -> tuple[list[float], list[MethodResult]]:
    """The thresholds with GDPO at 0 and Hard at 1, and the results at each."""
    methods = [evidence.method(GDPO), *evidence.snr, evidence.method(HARD)]
    return [0.0, *(method.tau for method in evidence.snr if method.tau is not None), 1.0], methods


def _draw_gains(figure: "Figure", evidence: Evidence) -> None:
    """The gain of each reward at each τ, with 95 % intervals and the line below which the update pushes it down."""
    axes = figure.add_subplot()
    taus, methods = _over_thresholds(evidence)
    for place, name in enumerate(of_rewards(evidence)):
        colour, dash = SERIES[place % len(SERIES)], _DASHES[place // len(SERIES) % len(_DASHES)]
        values, low, high = zip(*(method.gain[name] for method in methods), strict=True)
        axes.fill_between(taus, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(taus, values, color=colour, linestyle=dash, label=name, marker="o", markersize=3)
    axes.axhline(0, color=TEXT, linewidth=0.8)
    axes.set(xlabel="τ: 0 is GDPO, 1 is Hard", xlim=(0, 1))
    axes.grid(color=LINE, linewidth=0.5)
    figure.legend(loc="outside upper left", ncols=2, labelcolor=TEXT)


def _limit(axes: "Axes", share: float, colour: str) -> None:
    axes.axhline(share, color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
