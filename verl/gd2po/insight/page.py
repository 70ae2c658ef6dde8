"""One HTML file that needs nothing else: no server, no network, no script."""

from pathlib import Path
from typing import Any

from gd2po.files import write_whole
from gd2po.insight import charts
from gd2po.pages import templates

_TEMPLATES = templates("gd2po.insight")


def render(template: str, title: str, **content: Any) -> str:
    """A page from a template that extends ``page.html.jinja``; every text is escaped, charts are ``Markup``.

    Args:
        template: The path of the template below ``gd2po/insight``.
        title: The title of the page.
        content: The values that the template names.
    """
    return _TEMPLATES.get_template(template).render(title=title, charts=charts, **content)


def write(page: str, path: Path) -> None:
    """Write a page whole or not at all; its folder is made. What is not Unicode is replaced by question marks."""
    write_whole(path, page.encode("utf-8", "replace"))
