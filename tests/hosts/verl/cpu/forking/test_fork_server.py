"""A script that the fork server runs behaves as one that the interpreter runs."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gd2po.cpu_threads import waiting_variables
from gd2po.hosts.verl.cpu.forking import driver

PROGRAM = "from gd2po.hosts.verl.cpu.forking import server; server.main(('random',), ('probe',))"
PROBE = "import os; SEEN = os.environ.get('PROBE')\n"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server that imports nothing heavy, and at the first request a module that looks at the environment."""
    (tmp_path / "probe.py").write_text(PROBE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = driver.ForkServer(("-c", PROGRAM))
    yield started
    started.end()
    assert started.wait(30) == 0


@pytest.fixture
def start(server, tmp_path):
    """Starts a script as Ray starts a worker, by a shell."""

    def run(script: str, *arguments: str, **options) -> "subprocess.Popen[str]":
        path = tmp_path / f"script{len(list(tmp_path.glob('script*')))}.py"
        path.write_text(script)
        command = f"exec {server.interpreter} {shlex.join([str(path), *arguments])}"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(["bash", "-c", command], text=True, **pipes, **options)

    return run


def ended(process: int) -> bool:
    """Whether a process is gone, within 10 s."""
    for _ in range(200):
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.05)
    return False


def test_arguments_variables_folder_and_files_are_those_of_the_client(start, tmp_path):
    script = "import os, sys\nprint(sys.argv[1:], os.environ['X'], 'Y' in os.environ, os.getcwd(), __name__, input())"
    environment = {"PATH": os.environ["PATH"], "X": "1"}
    process = start(f"{script}\nprint('error', file=sys.stderr); sys.exit(7)", "a b", env=environment, cwd=tmp_path)
    output, errors = process.communicate("typed\n", timeout=60)
    assert output == f"['a b'] 1 False {tmp_path} __main__ typed\n"
    assert (errors, process.returncode) == ("error\n", 7)


def test_threads_of_a_forked_process_wait_as_said_where_it_began(start):
    process = start("print(open('/proc/self/environ').read().replace(chr(0), chr(10)))")  # that of the server's start
    output, errors = process.communicate(timeout=60)
    expected = waiting_variables() | {"OMP_NUM_THREADS": "1"}
    assert expected.items() <= dict(line.split("=", 1) for line in output.split("\n") if "=" in line).items(), errors


def test_modules_of_the_run_are_imported_with_the_environment_of_the_first_request(start):
    script = "import sys, probe; print(probe.SEEN, 'random' in sys.modules)"
    for value in ("first", "second"):
        output, errors = start(script, env=os.environ | {"PROBE": value}).communicate(timeout=60)
        assert (output, errors) == ("first True\n", "")


def test_each_process_has_random_numbers_of_its_own(start):
    script = "import random; print(random.random())"
    assert len({start(script).communicate(timeout=60)[0] for _ in range(3)}) == 3


def test_an_error_is_shown_and_gives_the_code_of_the_interpreter(start):
    process = start("raise ValueError('broken')")
    assert "ValueError: broken" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


def test_a_signal_that_ends_the_script_is_told_as_a_shell_tells_it(start):
    process = start("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_killed_client_takes_its_script_with_it(start):
    process = start("import os, time; print(os.getpid(), flush=True); time.sleep(100)")
    number = int(process.stdout.readline())
    process.kill()
    process.wait(10)
    assert ended(number)


def test_scripts_run_beside_each_other(start):
    waiting = start("print(input())")
    assert start("print('second')").communicate(timeout=60)[0] == "second\n"
    assert waiting.communicate("first\n", timeout=60)[0] == "first\n"


def test_without_a_server_the_interpreter_runs_the_script(start, server):
    server.end()
    server.wait(30)
    output, errors = start("import sys; print(sys.argv[1:], sys.executable)", "a").communicate(timeout=60)
    assert output == f"['a'] {sys.executable}\n"
    assert "gd2po: the fork server does not answer" in errors and "imports its modules itself" in errors


def test_a_server_that_cannot_import_is_none(tmp_path):
    broken = driver.ForkServer(("-c", "import nothing_of_this_name"))
    assert broken.wait(30) == 1
    found = subprocess.run(
        f"exec {broken.interpreter} -c 'print(1)'", shell=True, capture_output=True, text=True, check=False
    )
    broken.end()
    assert found.stdout == "1\n" and "does not answer" in found.stderr


def test_the_server_ends_after_its_driver_and_leaves_nothing(tmp_path):
    """The driver is killed, which runs no code of it; the script that still runs ends first."""
    program = (
        "import subprocess, sys, time\nfrom gd2po.hosts.verl.cpu.forking import driver\n"
        "s = driver.ForkServer(('-c', 'from gd2po.hosts.verl.cpu.forking import server; server.main((), ())'))\n"
        "subprocess.Popen(s.interpreter + ' script.py', shell=True)\nprint(s._process.pid, s._folder, flush=True)\n"
        "time.sleep(100)"
    )
    (tmp_path / "script.py").write_text("import time; print('runs', flush=True); time.sleep(1)")
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    lines = {process.stdout.readline().strip() for _ in range(2)}
    (line,) = lines - {"runs"}
    server, folder = line.split()
    process.kill()
    assert ended(int(server)) and not Path(folder).exists()


@pytest.mark.parametrize(
    ("variable", "value"), [(driver.SWITCH, "0"), ("RAY_ADDRESS", "auto")], ids=["switched off", "joins a cluster"]
)
def test_no_server_is_started_where_none_is_of_use(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    driver.start()
    assert driver.interpreter() is None
    driver.stop()
