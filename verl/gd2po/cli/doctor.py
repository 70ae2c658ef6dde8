"""What is missing before a run."""

from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import app, refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from gd2po.hosts.verl.preflight.doctor import CheckResult


@app.command(context_settings={"ignore_unknown_options": True})
def doctor(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK METHOD MODEL [OVERRIDES]]", help="a run to check this machine for; as gd2po plan"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="write JSON instead")] = False,
) -> None:
    """Say what is installed, loaded and missing, and whether a given run would fit. Starts nothing.

    Exit code 0 when all is well, 1 when something is not, 2 when the arguments are wrong.
    """
    from rich.console import Console

    from gd2po.versions import installed

    if not arguments and installed("trl") and not installed("verl"):
        _show_trl_alone(json)
        return
    from gd2po.hosts.verl.logs import quiet

    quiet()
    with refusals(), Console(stderr=True).status("importing verl …"):
        from gd2po.hosts.verl.preflight.doctor.run import diagnose

        results = [*diagnose(arguments or []), *_trl()]
    if json:
        _write(results)
    else:
        _show(results)
    if any(result.ok is False for result in results):
        raise typer.Exit(1)


def _trl() -> "Iterator[CheckResult]":
    """The other host, where it is installed."""
    from gd2po.hosts.trl.supported_trl import described_trl
    from gd2po.hosts.verl.preflight.doctor.result import attempt

    result = attempt("trl", lambda: described_trl() or "")
    if result.found:
        yield result


def _show_trl_alone(as_json: bool) -> None:
    """What an installation without verl can say."""
    import json

    from gd2po.hosts.trl.supported_trl import described_trl

    with refusals():
        description = described_trl()
    finding = {"name": "trl", "ok": True, "found": description, "expected": "", "remedy": ""}
    typer.echo(json.dumps({"ok": True, "findings": [finding]}, indent=2) if as_json else f"ok  trl  {description}")


def _write(results: "list[CheckResult]") -> None:
    import json
    from dataclasses import asdict

    ok = all(result.ok is not False for result in results)
    report = {"ok": ok, "findings": [asdict(result) for result in results]}
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


def _show(results: "list[CheckResult]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    marks = {True: Text("ok", "green"), False: Text("no", "bold red"), None: Text("")}
    for result in results:
        table.add_row(marks[result.ok], result.name, _detail(result))
    Console().print(table)
    wrong = sum(result.ok is False for result in results)
    if wrong:
        Console().print(Text(f"{wrong} of {len(results)} are not as they should be", "red"))


def _detail(result: "CheckResult") -> "Text":
    from rich.text import Text

    text = Text(result.found)
    if result.expected:
        text.append(f" ({result.expected})", "dim")
    if result.ok is False and result.remedy:
        text.append(f"\n→ {result.remedy}", "yellow")
    return text
