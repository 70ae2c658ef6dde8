"""The document (Markdown) and the page (HTML) of a summary, with the same sentences and tables."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from markupsafe import Markup, escape
from pydantic import ValidationError

from gd2po.lab.parts import Section, Table, TableCell
from gd2po.lab.results import LabError, ResultFolder
from gd2po.lab.story import TITLE, sections
from gd2po.lab.summary import Summary, summarise
from gd2po.pages import templates

_WIDTH = 120
_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\*(.+?)\*|\[([^\]]+)\]\((https?://[^)]+)\)")


def read_summary(*paths: Path) -> Summary:
    """The summary of folders of results and of files that hold summaries, in one.

    Worlds are those of the folders; where these have none, those of the first file with worlds. The trainings of a
    setup are those of the folders; where these have none of it, those of the first file that has.

    Raises:
        LabError: There are no results, or a file is no summary.
    """
    folders = [ResultFolder(path) for path in paths if path.is_dir()]
    summaries = [_parsed(path) for path in paths if not path.is_dir()]
    if folders:
        results = chain.from_iterable(folder.results() for folder in folders)
        verdicts = chain.from_iterable(folder.verdicts() for folder in folders)
        summaries.insert(0, summarise(results, verdicts))
    worlds = next((summary for summary in summaries if summary.tasks), summaries[0])
    trained = {record.setup: record for summary in reversed(summaries) for record in summary.trained}
    return worlds.model_copy(update={"trained": [trained[setup] for setup in sorted(trained, key=str)]})


def _parsed(path: Path) -> Summary:
    try:
        return Summary.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise LabError(
            f"{path} is no summary of the lab ({place}: {first['msg']}): "
            "expected a folder of results, or a file that gd2po lab page --summary has written"
        ) from None


def to_json(summary: Summary) -> str:
    """The summary as JSON, a line for each task and method, so that versions compare."""
    text = summary.model_dump_json(exclude_none=True)
    return re.sub(r'(?<=[{},])("[\w.-]+":\{"seeds")', r"\n\1", text) + "\n"


def to_markdown(summary: Summary) -> str:
    """The document."""
    lines = [f"# {TITLE}", ""]
    for section in sections(summary):
        lines += [f"## {section.title}", ""] if section.title else []
        for part in section.parts:
            lines += [*_markdown(part), ""]
    return "\n".join(lines).rstrip().replace("\n\n\n", "\n\n") + "\n"


def to_html(summary: Summary) -> str:
    """The page: one file that needs nothing else."""
    template = templates("gd2po.lab").get_template("page.html.jinja")
    return template.render(title=TITLE, sections=list(map(_shown, sections(summary))), formatted=_formatted)


def _markdown(part: str | tuple[str, ...] | Table) -> Iterator[str]:
    if isinstance(part, str):
        yield part if part.startswith("```") else _wrapped(part)
    elif isinstance(part, tuple):
        yield from (_wrapped(f"- {item}", "  ") for item in part)
    elif part.only != "page":
        yield _row(part.heads)
        yield _row("---" for _ in part.heads)
        yield from (_row(_marked(cell) for cell in row) for row in part.rows)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _marked(cell: TableCell) -> str:
    return f"**{cell.text}**" if cell.tone.startswith("strong") else cell.text


def _shown(section: Section) -> Section:
    parts = tuple(part for part in section.parts if not (isinstance(part, Table) and part.only == "document"))
    return Section(section.title, parts)


def _formatted(text: str) -> Markup:
    """Markdown of a sentence as HTML; links that lead to files beside the document become text."""
    text = re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]+\)", r"\1", text)
    shown, end = Markup(""), 0
    for match in _MARKED.finditer(text):
        code, strong, emphasised, label, address = match.groups()
        shown += escape(text[end : match.start()])
        if code:
            shown += Markup("<code>{}</code>").format(code)
        elif strong:
            shown += Markup("<strong>{}</strong>").format(_formatted(strong))
        elif emphasised:
            shown += Markup("<em>{}</em>").format(_formatted(emphasised))
        else:
            shown += Markup('<a href="{}">{}</a>').format(address, label)
        end = match.end()
    return shown + escape(text[end:])
