"""The check in a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gd2po.defaults import THRESHOLD
from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import GDPO, GRPO, HARD, MethodResult, snr_name
from gd2po.insight.check.statistics.parts import Subset
from gd2po.insight.check.verdict import LEVELS, Verdict
from gd2po.insight.check.verdict.findings import decimal, percent, with_interval, with_loss
from gd2po.insight.check.wording import OPTION_LINE, account_lines, number, of_rewards, short_gain, signed, weight_text

STYLES = {"good": "green", "note": "", "caution": "yellow", "bad": "red"}
PAIRS_AT_MOST, PARTS_AT_MOST, GAINS_AT_MOST, NAME_AT_MOST = 15, 12, 5, 15


def show(evidence: Evidence, verdict: Verdict, console: Console) -> None:
    """Print tables, then the verdict with its reasons and a block for the recipe."""
    for line in account_lines(evidence):
        console.print(Text(line, overflow="fold"), soft_wrap=line.startswith(OPTION_LINE))
    sections = (
        ("Rewards", _rewards(evidence)),
        ("Pairs of rewards", _pairs(evidence)),
        ("Conflict by group size", _parts(evidence.sizes)),
        ("Conflict by data source", _parts(evidence.sources)),
        ("Methods", _methods(evidence)),
        (
            "Gain of each reward as GDPO normalises it, ± half its interval; lost: share of GDPO's summed gain",
            _gains(evidence),
        ),
        ("Each reward's share in the update, and the cosine with the update of that reward alone", _update(evidence)),
    )
    for heading, content in sections:
        if content:
            console.print(Text(f"\n{heading}", style="bold"))
            console.print(content)
    console.print(Group("", *_verdict(verdict), ""))
    console.print(Text(indent(verdict.suggestion.rstrip(), "  "), style="cyan"), soft_wrap=True)


def _table(names: Iterable[str], *headings: str) -> Table:
    """Names on the left, whole if they are not very long, and numbers under headings."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(overflow="fold", min_width=min(NAME_AT_MOST, max(map(len, names))))
    for heading in headings:
        table.add_column(heading.replace(" ", "\n", 1), justify="right", overflow="fold")
    return table


def _rewards(evidence: Evidence) -> Table:
    table = _table(of_rewards(evidence), "weight", "range", "mean", "std", "ties", "missing", "signal")
    for reward in evidence.rewards:
        table.add_row(
            Text(reward.name),
            f"{weight_text(reward)}{' (min)' if reward.direction == 'minimize' else ''}",
            f"{number(reward.low)} … {number(reward.high)}",
            number(reward.mean),
            number(reward.std),
            percent(reward.ties),
            str(reward.missing),
            percent(reward.signal),
        )
    return table


def _pairs(evidence: Evidence) -> RenderableType:
    most = sorted(evidence.pairs, key=lambda pair: -pair.conflict)[:PAIRS_AT_MOST]
    names = [f"{pair.first} | {pair.second}" for pair in most]
    table = _table(names, "conflict", "r in groups", "ρ in groups", "r overall", "ρ overall")
    for name, pair in zip(names, most, strict=True):
        correlations = (pair.pearson_within, pair.spearman_within, pair.pearson, pair.spearman)
        table.add_row(Text(name), percent(pair.conflict), *map(signed, correlations))
    return _and_more(table, len(evidence.pairs) - PAIRS_AT_MOST, "pairs with less conflict")


def _parts(parts: Sequence[Subset]) -> RenderableType | None:
    if not parts:
        return None
    table = _table((part.label for part in parts), "groups", "rollouts", "conflict")
    for part in parts[:PARTS_AT_MOST]:
        table.add_row(Text(part.label), f"{part.groups:,}", f"{part.rollouts:,}", percent(part.conflict))
    return _and_more(table, len(parts) - PARTS_AT_MOST, "smaller ones")


def _and_more(table: Table, left_out: int, what: str) -> RenderableType:
    return Group(table, Text(f"and {left_out} {what}: --json, --html", style="dim")) if left_out > 0 else table


def _methods(evidence: Evidence) -> Table:
    masked = "tokens masked" if evidence.account.lengths_from else "masked"
    table = _table(
        (method.name for method in evidence.methods),
        "kept",
        "emptied groups",
        masked,
        "effective sample",
        "cosine with GDPO",
    )
    for method in evidence.methods:
        shares = (method.kept, method.emptied, method.tokens_masked, method.effective)
        table.add_row(Text(method.name), *map(with_interval, shares), decimal(method.cosine_gdpo.value))
    return table


def _gains(evidence: Evidence) -> RenderableType:
    names = of_rewards(evidence)
    table = _table((method.name for method in evidence.methods), "lost", *names[:GAINS_AT_MOST])
    for method in evidence.methods:
        cells = (Text(short_gain(gain), "red" if gain.high < 0 else "") for gain in method.gain.values())
        style = "green" if method.justified else ""
        table.add_row(Text(method.name, style), with_loss(method.lost), *list(cells)[:GAINS_AT_MOST])
    return _and_more(table, len(names) - GAINS_AT_MOST, "rewards")


def _update(evidence: Evidence) -> Table:
    names, shown = of_rewards(evidence), _shown(evidence)
    table = _table(names, *(method.name for method in shown))
    for name in names:
        cells = (f"{percent(method.share[name])} ({signed(method.cosine[name].value)})" for method in shown)
        table.add_row(Text(name), *cells)
    return table


def _shown(evidence: Evidence) -> list[MethodResult]:
    """GRPO, GDPO, SNR at the published threshold if it was tried, Hard."""
    names = (GRPO, GDPO, snr_name(THRESHOLD), HARD)
    return [method for method in evidence.methods if method.name in names]


def _verdict(verdict: Verdict) -> Iterator[RenderableType]:
    style = STYLES[LEVELS[verdict.outcome]]
    yield Text.assemble(("Verdict: ", "bold"), (verdict.outcome, f"bold {style}"))
    yield Text(verdict.summary)
    yield from _bullets((finding.text, STYLES[finding.level]) for finding in verdict.findings)


def _bullets(items: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    for text, style in items:
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_row(Text("•", style=style), Text(text, style=style))
        yield Padding(row, (0, 0, 0, 2))
