"""What is missing before a run."""

from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import app, refusals

if TYPE_CHECKING:
    from rich.text import Text

    from gd2po.hosts.verl.preflight.doctor import Finding


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

    from gd2po.hosts.verl.preflight.doctor import quiet

    quiet()
    with refusals(), Console(stderr=True).status("importing verl …"):
        from gd2po.hosts.verl.preflight.doctor.examination import diagnose

        findings = list(diagnose(arguments or []))
    if json:
        _write(findings)
    else:
        _show(findings)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _write(findings: "list[Finding]") -> None:
    import json
    from dataclasses import asdict

    ok = all(finding.ok is not False for finding in findings)
    report = {"ok": ok, "findings": [asdict(finding) for finding in findings]}
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


def _show(findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    marks = {True: Text("ok", "green"), False: Text("no", "bold red"), None: Text("")}
    for finding in findings:
        table.add_row(marks[finding.ok], finding.name, _detail(finding))
    Console().print(table)
    wrong = sum(finding.ok is False for finding in findings)
    if wrong:
        Console().print(Text(f"{wrong} of {len(findings)} are not as they should be", "red"))


def _detail(finding: "Finding") -> "Text":
    from rich.text import Text

    text = Text(finding.found)
    if finding.expected:
        text.append(f" ({finding.expected})", "dim")
    if finding.ok is False and finding.remedy:
        text.append(f"\n→ {finding.remedy}", "yellow")
    return text
