"""A file server on this machine, and published files of the real shape but our making."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po import retries
from gd2po.data import catalogue
from gd2po.data.catalogue import Member
from gd2po.data.checks import SCHEMA
from gd2po.data.published import Checksum, count_rows
from gd2po.data.records import Texts
from gd2po.data.sets.mathematics import MATHEMATICS
from gd2po.data.tool_calling import to_row
from gd2po.quickstart.worlds.dialogues import demonstrations, generate


@dataclass
class FileServer:
    """Serves ``files`` by path; what it should do wrong can be set between requests.

    Attributes:
        url: of its root.
        files: path → content.
        ranges: whether it resumes.
        statuses: codes to answer with, one per request, before it behaves.
        cuts: bytes after which to drop the connection, one per request, before it behaves.
        requests: path and Range header of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FileServer

    def do_GET(self) -> None:
        state, range_header = self.state, self.headers["Range"]
        state.requests.append((self.path, range_header))
        content = state.files.get(self.path)
        if state.statuses or content is None:
            return self._answer(state.statuses.pop(0) if state.statuses else 404, b"")
        start = int(range_header.removeprefix("bytes=").removesuffix("-")) if range_header and state.ranges else 0
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
def published_safety(public_file: Callable[[str], Path], tmp_path: Path) -> Path:
    """A folder with all published files of the safety task, under the names and in the folders of the catalogue."""
    patterns = {
        "alpaca/train": "alpaca*/**/train.parquet",
        "alpaca/test": "alpaca*/**/test.parquet",
        "hh_rlhf/test": "hh_rlhf/**/test.parquet",
        "hh_rlhf/harmless_pairs": "hh_rlhf_harmless_test*.json",
        "hh_rlhf/helpful_pairs": "hh_rlhf_helpful_test*.json",
        "pku_saferlhf/test": "pku_saferlhf/**/test.parquet",
    }
    folder = tmp_path / "published_safety"
    for member in catalogue.find_members(patterns):
        place = folder / member.name.partition("/")[0] / member.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(public_file(patterns[member.name]))
    return folder


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries.time, "sleep", lambda seconds: None)


SYSTEM = "1. Name: AddAlarm\nDescription: d\nParameters: {'time': {'type': 'str'}, 'loud': {'type': 'bool'}}\n"
CALL = {"name": "AddAlarm", "parameters": {"time": "8:00 Größe", "loud": "True"}}


def _items(level: int, count: int) -> str:
    answer = CALL if level == 2 else [CALL]
    return json.dumps([{"system": SYSTEM, "user": f"item {n}", "answer": answer, "other": {}} for n in range(count)])


def _prompts(split: str, records: list[dict[str, str]]) -> pa.Table:
    rows = [to_row(Texts(**record), split, index) | {"ability": "math"} for index, record in enumerate(records)]
    return pa.Table.from_pylist(rows, schema=SCHEMA).append_column("surplus", pa.array(range(len(rows))))


TURNS = ("user", "assistant")


def _safety_rows(source: str, roles: list[tuple[str, ...]], extra: Callable[[int], dict[str, object]]) -> pa.Table:
    """Prompts with these roles; ``extra_info`` differs from file to file, as published."""
    rows = [
        {
            "data_source": source,
            "prompt": [{"content": f"{role} says {turn}", "role": role} for turn, role in enumerate(of_row)],
            "ability": "alignment",
            "reward_model": {"style": "model"},
            "extra_info": extra(index),
        }
        for index, of_row in enumerate(roles)
    ]
    return pa.Table.from_pylist(rows)


def _write_problems(folder: Path) -> None:
    """Files of every set of mathematics; MATH holds both problems of MATH-500, one in other spaces, and a bad row."""
    answers = {
        "gsm8k": "so it is {}\n#### {}",
        "math": "It is $\\boxed{{{}}}$.",
        "minerva_math": "It is $\\boxed{{{}}}$.",
    }
    for member in catalogue.find_members(data_set.name for data_set in MATHEMATICS):
        name = member.name.partition("/")[0]
        rows = []
        for index in range(5 if name == "math" else 3):
            asked, answer = f"What is ${index}+1$ of {member.name}?", str(index + 1)
            if name == "math" and index < 2:
                asked = f"what  is {index} + 1 of math500/test?"
            if name == "math" and index == 2:
                answer = ""
            filled = answers.get(name, "{}").replace("{}", answer, 2).replace("{{", "{").replace("}}", "}")
            row = {"problem": asked, "solution": filled, "answer": answer}
            if name == "gsm8k":
                row = {"question": asked, "answer": filled}
            if name == "olympiadbench":
                row = {"context": None, "question": asked, "final_answer": [answer], "is_multiple_answer": False}
                row |= {"error": None, "unit": None}
            rows.append(row)
        text = "\n".join(map(json.dumps, rows)) + "\n"
        (folder / name / member.file).write_text(json.dumps(rows) if name == "deepscaler" else text, encoding="utf-8")


def _write_safety_sets(folder: Path) -> None:
    """HH row 1 is a dialogue, and row 2 has two turns of the assistant in a row; its published index skips one."""
    for split, count in (("train", 6), ("test", 3)):
        extra = lambda index, split=split: {"better_response_id": -1, "index": index, "split": split}  # noqa: E731
        table = _safety_rows("Stanford Alpaca", [("user",)] * count, extra)
        pq.write_table(table, folder / "alpaca" / f"{split}.parquet")
    roles = [("user",), (*TURNS, "user"), (*TURNS, "assistant", "user")]
    hh = _safety_rows("Anthropic/hh-rlhf", roles, lambda index: {"index": 2 * index, "split": "test"})
    pq.write_table(hh, folder / "hh_rlhf" / "test.parquet")
    pku = _safety_rows("PKU-Alignment/PKU-SafeRLHF", [("user",)] * 4, lambda index: {"split": "test"})
    pq.write_table(pku, folder / "pku_saferlhf" / "test.parquet")
    pair = {"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": 0}
    for kind in ("harmless", "helpful"):
        (folder / "hh_rlhf" / f"hh_rlhf_{kind}_test.json").write_text(json.dumps([pair]), encoding="utf-8")


@pytest.fixture
def made_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with made files of every published shape, one folder per set; the catalogue is about these.

    Of 8 demonstrations, number 2 mentions a tag in its thought, and number 5 has the prompt of test row 1.
    """
    folder = tmp_path / "published"
    for data_set in catalogue.DATA_SETS:
        (folder / data_set.name).mkdir(parents=True)
    records = generate(30, seed=5)
    pq.write_table(_prompts("train", records[:10]), folder / "rlla_4k" / "train.parquet")
    pq.write_table(_prompts("test", records[10:14]), folder / "rlla_4k" / "test.parquet")
    answers = demonstrations([*records[14:19], records[11], *records[20:22]], 1)
    answers[2] |= {"output": answers[2]["output"].replace("<think>", "<think> in <tool_call> i say", 1)}
    (folder / "rlla_4k" / "rlla_sft.json").write_text(json.dumps(answers), encoding="utf-8")
    for level in (1, 2, 3):
        path = folder / "api_bank" / f"level-{level}-api_processed.json"
        path.write_text(_items(level, 2 + level), encoding="utf-8")
    _write_safety_sets(folder)
    _write_problems(folder)
    _write_programs(folder)

    def made(member: Member) -> Member:
        path = folder / member.name.partition("/")[0] / member.file
        checksum = Checksum(member.checksum.kind, "").of(path)
        return replace(member, checksum=checksum, rows=count_rows(path), size=None)

    sets = tuple(replace(data_set, members=tuple(map(made, data_set.members))) for data_set in catalogue.DATA_SETS)
    monkeypatch.setattr(catalogue, "DATA_SETS", sets)
    return folder


def _write_programs(folder: Path) -> None:
    """Tasks of every part of MBPP, of which 602 asks the same as 11; two of HumanEval; row groups of Eurus-2-RL."""

    def task(number: int) -> dict[str, object]:
        text = f"Write a function to add {11 if number == 602 else number}."
        tests = [f"assert add(1) == {number + 1}", f"assert add(2) == {number + 2}"]
        code = f"def add(x):\r\n  return x + {number}"
        return {"text": text, "code": code, "task_id": number, "test_setup_code": "", "test_list": tests}

    lines = [json.dumps(task(number)) for number in (1, 11, 12, 511, 601, 602, 603)]
    (folder / "mbpp" / "mbpp.jsonl").write_text("\n".join(lines), encoding="utf-8")
    check = "def check(candidate):\n    assert candidate(1) == 2\n"
    functions = [
        {
            "task_id": f"HumanEval/{number}",
            "prompt": f'def f{number}(x: int) -> int:\n    """ Add one. """\n',
            "entry_point": f"f{number}",
            "canonical_solution": "    return x + 1\n",
            "test": check,
        }
        for number in range(2)
    ]
    packed = gzip.compress("\n".join(map(json.dumps, functions)).encode(), mtime=0)
    (folder / "humaneval" / "HumanEval.jsonl.gz").write_bytes(packed)
    many = json.dumps({"inputs": [f"{n}\n" for n in range(90)], "outputs": [f"{n + 1}\n" for n in range(90)]})
    call = json.dumps({"fn_name": "f", "inputs": ["1\n2"], "outputs": ["3"]})
    contents = [("math", "What is 1?", "1"), ("math", "What is 2?", "2"), ("code", "Add one.", many)]
    contents += [("code", "Add two numbers.", call), ("code", "Nothing.", '{"inputs": [], "outputs": []}')]
    rows = [
        {
            "data_source": "taco",
            "prompt": [{"role": "system", "content": "[ASSESS]"}, {"role": "user", "content": text}],
            "ability": ability,
            "reward_model": {"style": "rule", "ground_truth": truth},
            "extra_info": {"split": "train", "index": index},
        }
        for index, (ability, text, truth) in enumerate(contents)
    ]
    for part in ("train", "validation"):
        pq.write_table(pa.Table.from_pylist(rows), folder / "eurus2_rl" / f"{part}.parquet", row_group_size=2)


@pytest.fixture
def serve_sets(made_sets: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[], FileServer]:
    """The made files from the file server, at the paths of their addresses."""

    def serve() -> FileServer:
        def moved(member: Member) -> Member:
            path = "/" + member.address.partition("://")[2].partition("/")[2]
            server.files[path] = (made_sets / member.name.partition("/")[0] / member.file).read_bytes()
            return replace(member, address=server.url + path)

        sets = tuple(replace(data_set, members=tuple(map(moved, data_set.members))) for data_set in catalogue.DATA_SETS)
        monkeypatch.setattr(catalogue, "DATA_SETS", sets)
        return server

    return serve
