"""The page in a real browser: nothing runs, nothing leaves the file, hostile texts are texts, all charts are there."""

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gd2po.insight.report import report

pytestmark = pytest.mark.e2e

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class Browser:
    """Opens a page and says what became of it."""

    def __init__(self, program: str, profile: Path) -> None:
        self._command = [program, *_QUIET, f"--user-data-dir={profile}", "--enable-logging=stderr"]

    def open(self, page: Path, width: int = 1400) -> tuple[str, list[str]]:
        """The document after loading, and what it wrote to the console."""
        arguments = [f"--window-size={width},1000", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


class Elements(HTMLParser):
    """Names of all elements of a document, and of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser on this machine; looked for {', '.join(_BROWSERS)}")
    return Browser(program, tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """Address of a server, and the paths it was asked for."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", requested
    listening.shutdown()


@pytest.fixture
def requests(server: tuple[str, list[str]]) -> tuple[str, list[str]]:
    """The same, not asked yet."""
    server[1].clear()
    return server


def hostile(address: str) -> str:
    return (
        f"</pre></details></svg><script>document.title='owned';fetch('{address}/script')</script>"
        f'"><img src={address}/image onerror="document.title=\'owned\'"><link rel=stylesheet href={address}/style>'
        f"<style>@import url({address}/import); body {{ display: none }}</style><svg onload=\"document.title='owned'\">"
        f"<iframe src={address}/frame></iframe><meta http-equiv=refresh content='0;url={address}/refresh'><!--"
    )


@pytest.fixture(scope="module")
def source(run_in: Callable, server: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of two methods in which everything that a run can name is hostile."""
    text, folder = hostile(server[0]), tmp_path_factory.mktemp("hostile")
    rows = {7: {"input": text, "output": text, f"adv/{text}": 3.0, f"reward/{text}": 1.0}}
    metrics = {f"reward/{text}/mean": 1.0, f"val-core/{text}/reward/mean@1": 1.0, f"conflict/pair/{text}|{text}": 0.5}
    for estimator in ("gdpo", "gd2po"):
        run = run_in(folder / "runs" / estimator).begin(estimator, run__model=f"{estimator}{text}")
        run.log(1, 2, 3, 4, **metrics)
        for step in range(1, 5):
            run.dump(step, changes=rows)
    report([folder / "runs"], folder / "report.html")
    return (folder / "report.html").read_text()


@pytest.fixture
def page(source: str, tmp_path: Path) -> Path:
    """The report as a file of its own."""
    path = tmp_path / "report.html"
    path.write_text(source)
    return path


def without_policy(source: str) -> str:
    return re.sub(r"<meta http-equiv=.Content-Security-Policy[^>]*>", "", source)


def test_nothing_runs_and_nothing_leaves_the_file(browser, page, requests):
    dom, console = browser.open(page)
    assert console == []
    assert requests[1] == []
    assert "<title>GDPO · GD²PO-Hard</title>" in dom or "<title>GD²PO-Hard · GDPO</title>" in dom
    elements = Elements()
    elements.feed(dom)
    assert not elements.names & {"script", "img", "iframe", "link", "object", "embed", "form"}
    assert not [name for name in elements.attributes if name.startswith("on")]


def test_escaping_alone_would_do(browser, page, source, requests):
    page.write_text(without_policy(source))
    dom, _ = browser.open(page)
    assert "Content-Security-Policy" not in dom and requests[1] == [] and "owned</title>" not in dom


def test_the_attack_works_where_nothing_is_escaped(browser, tmp_path, requests):
    page = tmp_path / "unsafe.html"
    page.write_text(f"<title>quiet</title><body>{hostile(requests[0])}")
    browser.open(page)
    assert {"/script", "/image"} <= set(requests[1])


def test_all_charts_are_there_and_the_texts_read_as_written(browser, page, source, requests):
    dom, _ = browser.open(page)
    assert dom.count("<svg") == source.count("<svg") >= 20
    assert dom.count("<details") == source.count("<details")
    assert dom.count("<figure>") == dom.count("<svg")
    escaped = hostile(requests[0]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<pre>{escaped}</pre>" in dom


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_window(browser, page, source, tmp_path, width):
    measured = "document.documentElement.scrollWidth+'/'+document.documentElement.clientWidth"
    frame = tmp_path / "frame.html"
    tell = f"<script>onload=()=>parent.postMessage({measured},'*')</script>"
    page.write_text(without_policy(source).replace("</body>", f"{tell}</body>"))
    frame.write_text(
        "<script>onmessage=event=>document.title=event.data</script>"
        f"<iframe src={page.as_uri()} style='border:0;width:{width}px;height:900px'></iframe>"
    )
    dom, _ = browser.open(frame)
    scroll, client = re.search(r"<title>(\d+)/(\d+)</title>", dom).groups()
    assert width - 20 < int(client) <= width  # without the scroll bar
    assert int(scroll) <= int(client)
