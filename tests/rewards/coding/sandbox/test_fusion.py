"""A SandboxFusion server as the backend, against a stand-in with the same interface."""

import subprocess
import sys

import pytest

pytest.importorskip("fastapi", reason="the stand-in server needs fastapi")

from fastapi import FastAPI

from gd2po.errors import RewardError, SettingsError
from gd2po.http_server import serving
from gd2po.rewards.coding import CodingOptions, Limits, check_sandbox, judge
from gd2po.rewards.coding.sandbox import fusion
from gd2po.rewards.coding.tests_of_row import read_tests

ADD = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}
CALL = {"fn_name": "f", "inputs": [[1, 2], [3, 4]], "outputs": [3, 7]}


class StandIn:
    """Runs programs without any sandbox and answers as SandboxFusion does."""

    def __init__(self):
        self.requests = []
        self.failures = 0
        self.app = FastAPI()
        self.app.post("/run_code")(self.run_code)

    def run_code(self, request: dict):
        self.requests.append(request)
        if self.failures:
            self.failures -= 1
            return {"status": "SandboxError", "message": "busy", "run_result": None}
        command = [sys.executable, "-c", request["code"]]
        try:
            ended = subprocess.run(
                command, input=request["stdin"], capture_output=True, text=True, timeout=request["run_timeout"]
            )
        except subprocess.TimeoutExpired:
            return {"status": "Failed", "message": "", "run_result": {"status": "TimeLimitExceeded"} | EMPTY}
        result = {"status": "Finished", "return_code": ended.returncode, "stdout": ended.stdout, "stderr": ended.stderr}
        return {"status": "Success" if ended.returncode == 0 else "Failed", "message": "", "run_result": result}


EMPTY = {"return_code": None, "stdout": "", "stderr": ""}


@pytest.fixture(scope="module")
def server():
    stand_in = StandIn()
    with serving(stand_in.app, "127.0.0.1", 0) as url:
        stand_in.url = url
        yield stand_in


def judged(server, program, tests):
    options = CodingOptions(sandbox_url=server.url, limits=Limits(wall_seconds=3 if "while" in program else 60))
    return judge(f"```python\n{program}\n```", read_tests(tests), options)


@pytest.mark.parametrize(
    ("program", "tests", "verdicts"),
    [
        ("print(sum(map(int, input().split())))", ADD, ("passed", "passed")),
        ("print(3)", ADD, ("passed", "wrong")),
        ("print(3)\nexit(1)", ADD, ("error", "error")),
        ("raise MemoryError", ADD, ("memory", "memory")),
        ("while True: pass", ADD, ("time-out", "not run")),
        ("def f(a, b):\n    print('x')\n    return a + b", CALL, ("passed", "passed")),
        ("def f(a, b): return str(a + b)", CALL, ("wrong", "wrong")),
        ("def g(a, b): return a + b", CALL, ("error", "error")),
    ],
)
def test_verdicts(server, program, tests, verdicts):
    assert judged(server, program, tests).verdicts == verdicts


def test_a_program_that_does_not_compile(server):
    assert judged(server, "print((1", ADD).program == "compile error"


def test_no_expected_value_is_sent(server):
    server.requests.clear()
    judged(server, "def f(a, b): return a", {"fn_name": "f", "inputs": [[1, 2]], "outputs": ["needle"]})
    assert server.requests
    assert "needle" not in repr(server.requests)


def test_a_server_in_trouble_is_asked_again(server, monkeypatch):
    monkeypatch.setattr("gd2po.retries.FIRST_DELAY", 0.01)
    server.failures = 2
    assert judged(server, "print(3)", ADD).verdicts == ("passed", "wrong")
    server.failures = 99
    with pytest.raises(RewardError, match="did not run a program"):
        judged(server, "print(3)", ADD)
    server.failures = 0


def test_asserts_are_refused(server):
    with pytest.raises(SettingsError, match="asserts"):
        judged(server, "def f(): ...", {"test_list": ["assert f() == 1"]})


def test_the_address_is_tried_before_a_run(server):
    check_sandbox(sandbox_url=server.url)
    check_sandbox(sandbox_url=f"{server.url}/run_code")
    with pytest.raises(SettingsError, match="start the server, or correct the address"):
        check_sandbox(sandbox_url=f"{server.url}/elsewhere")
    with pytest.raises(SettingsError, match="sandbox_url"):
        check_sandbox(sandbox_url="http://127.0.0.1:9")


def test_an_answer_that_is_none_is_an_error(monkeypatch):
    monkeypatch.setattr(fusion, "RETRIES", 0)
    app = FastAPI()
    app.post("/run_code")(lambda: {"hello": 1})
    with serving(app, "127.0.0.1", 0) as url, pytest.raises(SettingsError, match="did not answer as a SandboxFusion"):
        check_sandbox(sandbox_url=url)
