"""Work in a process of its own says how far it is, and its errors are errors here."""

import importlib
import os
from functools import partial

import pytest

from gd2po.errors import SettingsError
from gd2po.quickstart.own_process import in_own_process
from gd2po.runs.process import TrainingError

WORK = """
import os, signal, sys, time
from gd2po.errors import SettingsError


def write_who(path, on_progress):
    path.write_text(f"{os.getpid()} {os.environ['GOMP_SPINCOUNT']} {'torch' in sys.modules}")
    for share in (0.25, 0.5):
        on_progress(share)
        time.sleep(0.7)  # longer than the time between two looks


def refuse(on_progress):
    raise SettingsError("no such model")


def be_killed(on_progress):
    on_progress(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "work_of_a_test.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("work_of_a_test")


def test_it_is_another_process_and_its_progress_is_seen_here(work, tmp_path, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    shares = []
    in_own_process(partial(work.write_who, tmp_path / "who"), shares.append)
    process, spins, torch_was_there = (tmp_path / "who").read_text().split()
    assert (int(process) != os.getpid(), spins, torch_was_there) == (True, "3000", "False")
    assert {0.25, 0.5} & set(shares) and shares == sorted(shares)


def test_its_errors_are_raised_here(work):
    with pytest.raises(SettingsError, match="no such model"):
        in_own_process(work.refuse, lambda share: None)


def test_a_killed_process_is_an_error_with_the_remedy(work):
    with pytest.raises(TrainingError, match=r"killed when 50% of it was done; .* no memory left: .*--model tiny"):
        in_own_process(work.be_killed, lambda share: None)
