"""Saved rollouts, before a training."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import app, refusals
from gd2po.errors import SettingsError
from gd2po.insight.check.choice import TAUS

if TYPE_CHECKING:
    from gd2po.insight.check.evidence import Evidence
    from gd2po.insight.check.verdict import Verdict


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="JSON, CSV or Parquet; folders; - for the input")],
    scores: Annotated[str, typer.Option(help="reward columns, a,b; found if not given")] = "",
    weights: Annotated[str, typer.Option(help="a=1,b=.5; 1 where not named")] = "",
    direction: Annotated[str, typer.Option(help="harm=minimize; maximize where not named")] = "",
    group: Annotated[str | None, typer.Option(help="column that is equal for all rollouts of a prompt")] = None,
    source: Annotated[str | None, typer.Option(help="column with the data source")] = None,
    tau: Annotated[str, typer.Option(help="thresholds of the SNR filter")] = ",".join(map(str, TAUS)),
    plugin: Annotated[list[str] | None, typer.Option(help="module or .py file with methods to try too; repeat")] = None,
    json: Annotated[Path | None, typer.Option(help="write all numbers to this file, - for the output")] = None,
    html: Annotated[Path | None, typer.Option(help="write one self-contained page to this file")] = None,
) -> None:
    """See before you spend: what rewards do to each other on saved rollouts, and what each method would keep."""
    import torch

    from gd2po.insight.check.choice import Choice
    from gd2po.insight.check.examine import examine
    from gd2po.insight.check.verdict import judge
    from gd2po.plugins import load_plugins

    torch.set_num_threads(1)  # these sums wait for memory, and threads that wait for a busy core cost far more
    with refusals():
        load_plugins(plugin or (), "--plugin")
        choice = Choice(
            scores=_names(scores),
            weights={name: _number("--weights", text) for name, text in _assigned("--weights", weights).items()},
            directions=_assigned("--direction", direction),  # type: ignore[arg-type]  # checked by `read`
            group=group,
            source=source,
            taus=tuple(_number("--tau", text) for text in _names(tau)),
        )
        evidence = examine(files, choice)
    verdict = judge(evidence)
    if json:
        from gd2po.insight.check.as_json import to_json

        _write(json, to_json(evidence, verdict))
    if html:
        from gd2po.insight.check.page import to_html

        _write(html, to_html(evidence, verdict))
    if not json or str(json) != "-":
        _show(evidence, verdict)


def _names(text: str) -> tuple[str, ...]:
    names = next(csv.reader([text], skipinitialspace=True), [])  # a name with a comma stands in double quotes
    return tuple(filter(None, map(str.strip, names)))


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{option}: {text!r} is no number") from None


def _assigned(option: str, text: str) -> dict[str, str]:
    """Name → value of ``a=1,b=2``."""
    values = {}
    for item in _names(text):
        name, equals, value = item.rpartition("=")
        if not equals:
            raise SettingsError(f"{option}: found {item!r}; expected name=value, several with commas between")
        values[name.strip()] = value.strip()
    return values


def _write(path: Path, text: str) -> None:
    from gd2po.insight.page import write

    if str(path) == "-":
        typer.echo(text, nl=False)
        return
    write(text, path)
    typer.echo(f"{path}: written", err=True)


def _show(evidence: "Evidence", verdict: "Verdict") -> None:
    from rich.console import Console

    from gd2po.insight.check.terminal import show

    show(evidence, verdict, Console())
