"""A file server on this machine, and published files of the real shape but our making."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.data import catalogue, downloading
from gd2po.data.catalogue import Member
from gd2po.data.checks import SCHEMA
from gd2po.data.checksums import Checksum
from gd2po.data.records import Texts
from gd2po.data.synthetic_tools import demonstrations, generate
from gd2po.data.tool_calling import to_row


@dataclass
class FileServer:
    """Serves ``files`` by path; what it should do wrong can be set between requests.

    Attributes:
        url: of its root.
        files: path → content.
        ranges: whether it resumes.
        statuses: codes to answer with, one per request, before it behaves.
        cuts: bytes after which to drop the connection, one per request, before it behaves.
        asked: path and Range header of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FileServer

    def do_GET(self) -> None:
        state, wanted = self.state, self.headers["Range"]
        state.asked.append((self.path, wanted))
        content = state.files.get(self.path)
        if state.statuses or content is None:
            return self._answer(state.statuses.pop(0) if state.statuses else 404, b"")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.ranges else 0
        if start >= len(content):
            return self._answer(416, b"", f"bytes */{len(content)}")
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}" if start else None
        self._answer(206 if start else 200, content[start:], extent)

    def _answer(self, status: int, body: bytes, extent: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if extent:
            self.send_header("Content-Range", extent)
        self.end_headers()
        cut = self.state.cuts.pop(0) if self.state.cuts and body else None
        self.wfile.write(body[:cut])
        self.close_connection = cut is not None

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    state = FileServer()
    host = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{host.server_port}"
    thread = threading.Thread(target=host.serve_forever, args=(0.01,))
    thread.start()
    yield state
    host.shutdown()
    thread.join()
    host.server_close()


@pytest.fixture
def published_rlla(public_file: Callable[[str], Path]) -> Path:
    """A folder with the published test split and demonstrations of rlla_4k."""
    folder = public_file("rlla_sft.json").parent
    if not (folder / "test.parquet").is_file():
        pytest.skip("rlla_4k/test is not on this machine; `gd2po data get rlla_4k/test` brings it")
    return folder


@pytest.fixture
def published_api_bank(public_file: Callable[[str], Path]) -> Path:
    """A folder with the three published levels."""
    [folder] = {public_file(f"level-{level}-api_processed.json").parent for level in (1, 2, 3)}
    return folder


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)


SYSTEM = "1. Name: AddAlarm\nDescription: d\nParameters: {'time': {'type': 'str'}, 'loud': {'type': 'bool'}}\n"
CALL = {"name": "AddAlarm", "parameters": {"time": "8:00 Größe", "loud": "True"}}


def _items(level: int, count: int) -> str:
    answer = CALL if level == 2 else [CALL]
    return json.dumps([{"system": SYSTEM, "user": f"item {n}", "answer": answer, "other": {}} for n in range(count)])


def _prompts(split: str, records: list[dict[str, str]]) -> pa.Table:
    rows = [to_row(Texts(**record), split, index) | {"ability": "math"} for index, record in enumerate(records)]
    return pa.Table.from_pylist(rows, schema=SCHEMA).append_column("surplus", pa.array(range(len(rows))))


@pytest.fixture
def made_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with made files of every published shape; the catalogue is about these.

    Of 8 demonstrations, number 2 mentions a tag in its thought, and number 5 has the prompt of test row 1.
    """
    folder = tmp_path / "published"
    folder.mkdir()
    records = generate(30, seed=5)
    pq.write_table(_prompts("train", records[:10]), folder / "train.parquet")
    pq.write_table(_prompts("test", records[10:14]), folder / "test.parquet")
    shown = demonstrations([*records[14:19], records[11], *records[20:22]], 1, imperfect_share=0)
    shown[2] |= {"output": shown[2]["output"].replace("<think>", "<think> in <tool_call> i say", 1)}
    (folder / "rlla_sft.json").write_text(json.dumps(shown), encoding="utf-8")
    for level in (1, 2, 3):
        (folder / f"level-{level}-api_processed.json").write_text(_items(level, 2 + level), encoding="utf-8")
    rows = {"train.parquet": 10, "test.parquet": 4, "rlla_sft.json": 8}

    def made(member: Member) -> Member:
        kind = Checksum(member.checksum.kind, "")
        count = rows.get(member.file) or 2 + int(member.name[-1])
        return replace(member, checksum=kind.of(folder / member.file), rows=count, size=None)

    sets = tuple(replace(found, members=tuple(map(made, found.members))) for found in catalogue.DATA_SETS)
    monkeypatch.setattr(catalogue, "DATA_SETS", sets)
    return folder


@pytest.fixture
def serve_sets(made_sets: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[], FileServer]:
    """The made files from the file server, at the paths of their addresses."""

    def serve() -> FileServer:
        def moved(member: Member) -> Member:
            path = "/" + member.address.partition("://")[2].partition("/")[2]
            server.files[path] = (made_sets / member.file).read_bytes()
            return replace(member, address=server.url + path)

        sets = tuple(replace(found, members=tuple(map(moved, found.members))) for found in catalogue.DATA_SETS)
        monkeypatch.setattr(catalogue, "DATA_SETS", sets)
        return server

    return serve
