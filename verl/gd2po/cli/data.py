"""Commands about data."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import data, refusals
from gd2po.data import DATASET_ROOT

if TYPE_CHECKING:
    from gd2po.data.catalogue import Member
    from gd2po.data.checks import RowProblem
    from gd2po.data.downloading import Listener
    from gd2po.data.writing import PrepareReport

Names = Annotated[list[str], typer.Argument(metavar="NAME…", help="data sets or members of them; `gd2po data list`")]
Root = Annotated[Path, typer.Option("--in", help="folder of the data sets")]
ROOT = Path(DATASET_ROOT)


@data.command("list")
def list_(root: Root = ROOT) -> None:
    """Show the public data sets that can be fetched, and which are here."""
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from gd2po.data.catalogue import DATA_SETS

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("rows", justify="right")
    table.add_column("size", justify="right")
    for heading in ("licence", "for", "here"):
        table.add_column(heading)
    for data_set in DATA_SETS:
        for member in data_set.members:
            size = "unknown" if member.size is None else decimal(member.size)
            here = "[green]yes[/]" if member.path(root).is_file() else "no"
            table.add_row(member.name, f"{member.rows:,}", size, data_set.licence, member.purpose, here)
    Console().print(table)


@data.command()
def get(
    names: Names,
    to: Annotated[Path, typer.Option(help="folder of the data sets")] = ROOT,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", exists=True, file_okay=False, help="look here, not in the network"),
    ] = None,
) -> None:
    """Fetch published files to TO/<set>/raw, each checked by its checksum; shows their licence first."""
    from gd2po.data.catalogue import find_members, find_set

    with refusals():
        members = find_members(names)
    for data_set in dict.fromkeys(find_set(member) for member in members):
        typer.echo(f"{typer.style(data_set.name, bold=True)}, licence: {data_set.terms}")
    failed = [member.name for member in members if not _bring(member, to, source)]
    if failed:
        count = f"{len(failed)} of {len(members)} files"
        typer.secho(f"{count} could not be fetched: {', '.join(failed)}", fg="red", err=True)
        raise typer.Exit(2)


@data.command()
def verify(names: Names, root: Root = ROOT) -> None:
    """Check that published files are here, with the right checksum and number of rows; exit code 2 if not."""
    from rich.console import Console
    from rich.table import Table

    from gd2po.data.catalogue import find_members

    with refusals():
        members = find_members(names)
    faults = {member: member.find_fault(root) for member in members}
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for member, fault in faults.items():
        mark = "[red]no[/]" if fault else "[green]ok[/]"
        table.add_row(mark, member.name, fault or f"{member.rows:,} rows, {_proof(member, member.checksum.kind)}")
    Console().print(table)
    if any(faults.values()):
        raise typer.Exit(2)


@data.command()
def prepare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…|FILE [DEST]",
            help="data sets, or your own JSON or JSON-lines file; DEST is the .parquet file to write "
            "(default: in the data set's folder, or beside FILE)",
        ),
    ],
    root: Root = ROOT,
    split: Annotated[
        str | None, typer.Option(help="of FILE: name of the split, kept in each row", show_default="train")
    ] = None,
    drop_bad: Annotated[bool, typer.Option("--drop-bad", help="of FILE: leave out and list rows that are bad")] = False,
    sft: Annotated[bool, typer.Option("--sft", help="of FILE: write demonstrations for the warm start")] = False,
    wording: Annotated[
        str | None,
        typer.Option(help="of FILE with problems: box or tags, how a prompt asks for the answer", show_default="box"),
    ] = None,
) -> None:
    """Write the parquet files that training reads; every row is checked.

    FILE holds {instruction, input, output}; or {tools, messages, calls, response,
    think} with tools and messages as chat APIs have them; or {problem, answer} for mathematics;
    or {problem, tests} for programs.
    """
    from gd2po.data.recipes import find_recipes, is_known, prepare_named
    from gd2po.errors import DataError

    named = is_known(sources[0])
    count = len(sources) - 1 if len(sources) > 1 and (not named or sources[-1].endswith(".parquet")) else len(sources)
    names, destination = sources[:count], next(map(Path, sources[count:]), None)
    with refusals():
        if not named:
            if len(names) > 1:
                raise DataError(f"{names[0]} is no data set; a file of your own is prepared alone: FILE [DEST]")
            _tell(_convert(Path(names[0]), destination, split or "train", drop_bad, sft, wording, root))
            return
        if split or drop_bad or sft or wording:
            raise DataError(
                f"--split, --drop-bad, --sft and --wording are for a file of your own; {names[0]} is a data set"
            )
        if destination and len(names) > 1:
            raise DataError(f"{destination} is one file, but {len(names)} data sets are named: {', '.join(names)}")
        for name in names:
            find_recipes(name)  # raises before anything is written
        for name in names:
            outcome = prepare_named(name, root, destination)
            _tell(*outcome.reports)
            for sentence in outcome.skipped:
                typer.secho(f"not made: {sentence}", fg="yellow", err=True)


def _convert(
    source: Path, destination: Path | None, split: str, drop_bad: bool, sft: bool, wording: str | None, root: Path
) -> "PrepareReport":
    from gd2po.data import coding, coding_files, coding_rows
    from gd2po.data.demonstrations import prepare_demonstrations
    from gd2po.data.layouts import read_dialogues
    from gd2po.data.math_rows import is_own_problem, prepare_own
    from gd2po.data.mathematics_files import held_out_below
    from gd2po.data.recipes import find_recipes
    from gd2po.data.tool_calling import prepare as prepare_prompts
    from gd2po.errors import DataError

    if not source.is_file():
        find_recipes(str(source))  # raises: neither file nor data set
    to = destination or source.with_suffix(".parquet")
    records = read_dialogues(source)
    if any(map(coding.is_own_problem, records)):
        if sft or wording:
            raise DataError(f"--sft and --wording are not for programming problems, which {source} holds")
        away = coding_files.held_out_below(root)
        return coding_rows.prepare_own(source, to, split=split, held_out=away, drop_bad=drop_bad)
    if any(map(is_own_problem, records)):
        if sft:
            raise DataError(f"--sft is for dialogues; {source} holds problems of mathematics")
        return prepare_own(
            source, to, split=split, wording=wording or "box", held_out=held_out_below(root), drop_bad=drop_bad
        )
    if wording:
        raise DataError(f"--wording is for problems of mathematics; {source} holds none")
    convert = prepare_demonstrations if sft else prepare_prompts
    return convert(source, to, split=split, drop_bad=drop_bad)


def _tell(*reports: "PrepareReport") -> None:
    for report in reports:
        for reason, rows in _by_reason(report.dropped).items():
            typer.echo(f"left out {'rows' if len(rows) > 1 else 'row'} {', '.join(map(str, rows))}: {reason}", err=True)
        for note in report.notes:
            typer.secho(note, fg="yellow", err=True)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items()))
        typer.echo(f"{report.destination}: {report.written} of {report.read} rows ({kinds})")


def _proof(member: "Member", checksum: str) -> str:
    """By what a file was recognised."""
    return f"{checksum} right" if member.checksum.value else f"{member.checksum}, {member.rows:,} rows"


def _by_reason(problems: "Iterable[RowProblem]") -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for problem in problems:
        rows.setdefault(problem.reason, []).append(problem.row)
    return rows


def _bring(member: "Member", root: Path, source: Path | None) -> bool:
    """Fetch one file and print the outcome; False when it failed."""
    from gd2po.data.fetching import fetch
    from gd2po.errors import GD2POError

    try:
        with _progress(member.name) as listener:
            how = fetch(member, root, source=source, listener=listener)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on where it stopped", err=True)
        raise typer.Exit(130) from None
    except (GD2POError, OSError) as error:
        typer.secho(f"{member.name}: {error}", fg="red", err=True)
        return False
    path = member.path(root)
    typer.echo(f"{path}: {how}, {path.stat().st_size:,} bytes, {_proof(member, 'checksum')}")
    return True


@contextmanager
def _progress(name: str) -> "Iterator[Listener]":
    """A progress bar from the first byte to the last."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from gd2po.data.downloading import Listener

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), transient=True)
    task = progress.add_task(name, total=None)

    def update(done: int, total: int | None) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    def warn(sentence: str) -> None:
        progress.console.print(f"{name}: {sentence}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    try:
        yield Listener(update, warn)
    finally:
        if progress.live.is_started:
            progress.stop()
