"""Programs that try to get out, to cheat, or to stay: none passes, each ends in time, nothing is left behind."""

import contextlib
import os
import socket
import time
import uuid

import psutil
import pytest

from gd2po.rewards.coding import CodingOptions, Limits, judge
from gd2po.rewards.coding.tests_of_row import read_tests

pytestmark = pytest.mark.usefixtures("sandbox")

LIMITS = Limits(seconds=1, wall_seconds=6, tmp=4, memory=256)
SLACK = 25
"""Seconds that a busy machine may add."""

HOST = {
    "a file of the host": "open(input()).read()",
    "the users of the host": "assert open('/etc/passwd').read()",
    "folders of the host": "import os\nassert set(os.listdir('/')) & {'home', 'etc', 'var', 'proc', 'sys'}",
    "the environment": "import os\nassert 'SECRET_OF_THE_HOST' in os.environ",
    "environments of other processes": "open('/proc/1/environ').read()",
    "memory of the first process": "open('/proc/1/mem', 'rb')",
    "a symbolic link out": "import os\nos.symlink('/etc/passwd', 'link')\nassert open('link').read()",
    "write outside of /tmp": "open('/usr/lib/here', 'w')",
    "write into the root": "open('/here', 'w')",
    "run a shell": "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'], check=True)",
    "another user": "import os\nassert os.getuid() != 65534",
    "become root": "import os\nos.setuid(0)",
    "a namespace of its own": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "trace the first process": "import ctypes\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "trace itself": "import ctypes\nassert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0",
    "fill /tmp": "with open('big', 'wb') as big:\n    for _ in range(6): big.write(bytes(2**20))",
    "fill /tmp with many files": "for i in range(6):\n    with open(str(i), 'wb') as f: f.write(bytes(2**20))",
    "a large file": "import os\nf = os.memfd_create('x')\nfor _ in range(20): os.write(f, bytes(2**20))\n"
    "assert os.fstat(f).st_size > 9 * 2**20",
    "raise its limits": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (100, 100))",
    "much memory": "bytes(2**30)",
    "many threads": "import threading, time\nfor _ in range(50):\n"
    "    threading.Thread(target=time.sleep, args=(1,)).start()",
}


def verdicts_of(program, inputs=("",), outputs=None, **more):
    tests = {"inputs": list(inputs), "outputs": ["escaped"] * len(inputs) if outputs is None else outputs, **more}
    return judged(program, tests)


def judged(program, tests):
    started = time.monotonic()
    judgement = judge(f"```python\n{program}\n```", read_tests(tests), CodingOptions(limits=LIMITS))
    assert time.monotonic() - started < LIMITS.wall_seconds + SLACK
    return judgement.verdicts


@pytest.mark.parametrize("attempt", HOST.values(), ids=HOST.keys())
def test_nothing_of_the_host_is_reached(attempt, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    monkeypatch.setenv("SECRET_OF_THE_HOST", "secret")
    (verdict,) = verdicts_of(f"{attempt}\nprint('escaped')", [str(secret)])
    assert verdict in ("error", "memory")


def test_the_network_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)\nprint('escaped')"
        assert verdicts_of(program) == ("error",)
        program = "import socket\nsocket.create_connection(('1.1.1.1', 53), 1)\nprint('escaped')"
        assert verdicts_of(program) == ("error",)


ENDLESS = {
    "loop": "while True: pass",
    "loop that catches everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "wait for a signal": "import signal\nsignal.pause()",
    "ignore signals": "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except OSError: pass\nwhile True: pass",
    "huge powers": "print(9**9**9)",
    "long digits": "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(7**(10**7))))",
    "regular expression": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "at exit": "import atexit, time\natexit.register(time.sleep, 1000)",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()",
    "stop itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "stop the first process": "import os, signal\nos.kill(1, signal.SIGSTOP)\nwhile True: pass",
}


@pytest.mark.parametrize("program", ENDLESS.values(), ids=ENDLESS.keys())
def test_the_first_time_out_ends_a_program(program):
    assert verdicts_of(program, ["", "", ""]) == ("time-out", "not run", "not run")


CRASHES = {
    "recursion": "def f(): return f()\nf()",
    "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\nf = lambda x: [f] and sorted([1], key=f)\nf(1)",
    "exit with an error": "print('escaped')\nexit(1)",
    "raise after the output": "print('escaped')\nraise ValueError",
    "abort": "import os\nprint('escaped', flush=True)\nos.abort()",
    "kill itself": "import os\nprint('escaped', flush=True)\nos.kill(os.getpid(), 9)",
    "close its streams": "import os\nfor f in range(3): os.close(f)\nprint('escaped')",
    "raise at the end": "import sys\nclass E:\n    def write(self, t): 1/0\n    flush = write\n"
    "sys.stdout = E()\nprint()",
    "crash the interpreter": "import ctypes\nctypes.string_at(0)",
}


@pytest.mark.parametrize("program", CRASHES.values(), ids=CRASHES.keys())
def test_a_crash_is_an_error_of_each_test(program):
    assert set(verdicts_of(program, ["", ""])) <= {"error", "memory"}


@pytest.mark.parametrize("end", ["import os; os._exit", "exit"])
@pytest.mark.parametrize("status", [1, 6, 96, 98, 99, 255])
def test_no_status_of_an_answer_is_a_verdict(status, end):
    assert verdicts_of(f"print('escaped', flush=True)\n{end}({status})", ["", ""]) == ("error", "error")
    program = f"def f():\n    {end}({status})"
    tests = read_tests({"test_list": ["assert f() is None"] * 2})
    assert judge(f"```python\n{program}\n```", tests, CodingOptions(limits=LIMITS)).verdicts == ("error", "error")


@pytest.mark.parametrize("program", ["def f(): exit()", "exit()\ndef f(): pass", "def f(): return [0] * 2**40"])
def test_an_assert_whose_answer_ends_does_not_wait_for_it(program):
    tests = read_tests({"test_list": ["assert f() is None"]})
    verdicts = judge(f"```python\n{program}\n```", tests, CodingOptions(limits=LIMITS)).verdicts
    assert set(verdicts) <= {"error", "memory"}


@pytest.mark.parametrize(
    "program",
    [
        "import os\ntry: os.kill(-1, 9)\nexcept ProcessLookupError: pass",
        "import os, signal\nfor s in range(1, 32):\n    try: os.kill(1, s)\n    except OSError: pass",
        "import os\nfor n in range(3, 200):\n    try: os.write(n, b'\\x00' * 13)\n    except OSError: pass",
        "import os\nos.kill(os.getppid(), 15)",
    ],
)
def test_the_runner_goes_on(program):
    assert verdicts_of(f"{program}\nprint('good')", ["", ""], ["good", "good"]) == ("passed", "passed")


@pytest.mark.parametrize("catch", ["pass", "raise"])
def test_endless_output_is_cut(catch):
    program = f"while True:\n    try: print('x' * 10**6)\n    except OSError: {catch}"
    assert verdicts_of(program, ["", ""])[0] == ("time-out" if catch == "pass" else "error")


def test_output_that_is_not_text_is_wrong():
    assert verdicts_of(r"import sys; sys.stdout.buffer.write(b'\xff\xfe\x00escaped')") == ("wrong",)
    assert verdicts_of(r"print('\ud800')") == ("error",)
    assert verdicts_of("print('\ud800')") == ("not run",)


EQUALS = {
    "an object equal to all": "class E:\n    def __eq__(self, o): return True\ndef f(x): return E()",
    "an integer equal to all": "class E(int):\n    def __eq__(self, o): return True\ndef f(x): return E(0)",
    "a list equal to all": "class E(list):\n    def __eq__(self, o): return True\ndef f(x): return E()",
    "a text equal to all": "class E(str):\n    def __eq__(self, o): return True\ndef f(x): return E()",
    "builtins": "import builtins\nbuiltins.abs = builtins.isinstance = lambda *a: True\ndef f(x): return None",
    "the caller": "import sys, gc\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
    "            if 'needle' in repr(value)[:10**5]: return 'needle-' + repr(value).split('needle-')[1][:4]\n"
    "        frame = frame.f_back\n",
    "all objects": "import gc\ndef f(x):\n    for value in gc.get_objects():\n        text = repr(value)[:10**5]\n"
    "        if 'needle-' in text: return 'needle-' + text.split('needle-')[1][:4]\n",
    "raise what is awaited": "def f(x): raise AssertionError",
    "leave well": "import os\ndef f(x): os._exit(0)",
    "exit well": "def f(x): raise SystemExit(0)",
    "a class of its own": "class f:\n    def __init__(self, x): self.x = x\n    __eq__ = lambda s, o: True",
}


@pytest.mark.parametrize("style", ["call", "assert"])
@pytest.mark.parametrize("program", EQUALS.values(), ids=EQUALS.keys())
def test_no_answer_is_equal_to_what_it_does_not_know(program, style):
    expected = "needle-" + "1Q7z"
    call = {"fn_name": "f", "inputs": [[1], [2]], "outputs": [expected, expected]}
    asserts = {"test_list": [f"assert f({number}) == {expected!r}" for number in (1, 2)]}
    assert "passed" not in judged(program, call if style == "call" else asserts)


def test_a_referee_is_out_of_reach():
    program = (
        "import os, signal, ctypes\n"
        "def f(x):\n"
        "    libc = ctypes.CDLL(None)\n"
        "    for pid in range(2, 20):\n"
        "        if pid == os.getpid(): continue\n"
        "        if libc.ptrace(16, pid, 0, 0) == 0: return 'needle-1Q7z'\n"
        "        try: os.kill(pid, signal.SIGKILL)\n"
        "        except OSError: pass\n"
    )
    assert judged(program, {"test_list": ["assert f(1) == 'needle-1Q7z'"]}) == ("error",)


BOMBS = {
    "orphans": "for _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(1000)\n",
    "fork bomb": "while True:\n    try: os.fork()\n    except OSError: pass\n",
    "daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)\n",
}


@pytest.mark.parametrize("program", BOMBS.values(), ids=BOMBS.keys())
def test_no_process_is_left(program):
    name = f"left-{uuid.uuid4().hex[:8]}"
    named = f"import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'{name}')\n"
    assert "passed" not in verdicts_of(named + program, ["", ""], ["no", "no"])
    deadline = time.monotonic() + SLACK
    while left := [process for process in psutil.process_iter() if is_named(process, name)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def is_named(process, name):
    with contextlib.suppress(psutil.Error):
        return process.name() == name
    return False


def test_tests_do_not_see_each_other():
    program = (
        "import os, time\n"
        "print(sorted(os.listdir('/tmp')))\n"
        "os.makedirs('a/b')\n"
        "open('a/b/c', 'w').write('x')\n"
        "os.symlink('/usr', 'a/link')\n"
        "os.chmod('a/b', 0)\n"
        "if os.fork() == 0:\n"
        "    time.sleep(0.3)\n"
        "    open('/tmp/late', 'w')\n"
        "    os._exit(0)\n"
    )
    assert verdicts_of(program, [""] * 3, ["[]"] * 3) == ("passed",) * 3


def test_a_worker_that_is_killed_leaves_no_sandbox():
    name = f"left-{uuid.uuid4().hex[:8]}"
    program = f"import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}')\ntime.sleep(1000)"
    worker = os.fork()
    if worker == 0:
        limits = Limits(seconds=60, wall_seconds=600)
        with contextlib.suppress(BaseException):
            judge(f"```\n{program}\n```", read_tests({"inputs": [""], "outputs": [""]}), CodingOptions(limits=limits))
        os._exit(0)
    wait_until(lambda: any(is_named(process, name) for process in psutil.process_iter()))
    os.kill(worker, 9)
    os.waitpid(worker, 0)
    wait_until(lambda: not any(is_named(process, name) for process in psutil.process_iter()))


def wait_until(reached):
    deadline = time.monotonic() + SLACK
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
