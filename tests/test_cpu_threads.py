"""Threads do not outnumber the cores, and what the environment says is kept."""

import pytest

from gd2po.cpu_threads import thread_variables, waiting_variables


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("OMP_NUM_THREADS", "TQ_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)


def test_threads_do_not_outnumber_the_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [thread_variables(processes)["OMP_NUM_THREADS"] for processes in (1, 3, 16)] == ["8", "2", "1"]


def test_threads_spin_for_a_short_time_unless_the_environment_says_otherwise(monkeypatch):
    assert waiting_variables() == {"GOMP_SPINCOUNT": "3000"}
    assert waiting_variables().items() <= thread_variables(1).items()
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert waiting_variables() == {"GOMP_SPINCOUNT": "7"}
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert waiting_variables() == {"OMP_WAIT_POLICY": "ACTIVE"}


def test_a_number_of_threads_in_the_environment_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_variables(1)["OMP_NUM_THREADS"] == "3"
