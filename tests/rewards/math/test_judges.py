"""math-verify in processes of their own: what it decides, and that it always comes back."""

import threading

import pytest

pytest.importorskip("math_verify", reason="math-verify is not installed: pip install 'gd2po[math]'")

from gd2po.rewards.math import judges
from gd2po.rewards.math.judges import judge


@pytest.fixture(autouse=True)
def own_pool(monkeypatch):
    pool = judges._Pool()
    monkeypatch.setattr(judges, "_POOL", pool)
    yield pool
    pool.end()


def test_forms_that_differ_are_compared_by_value():
    assert judge("(x+1)^2", "x^2+2x+1")
    assert judge(r"0\le x<1", "[0,1)")
    assert judge(r"\{3,2,1\}", r"\{1,2,3\}")
    assert judge("6.283185307", r"2\pi")
    assert not judge("[0,1]", "[0,1)")
    assert not judge("1.414", r"\sqrt{2}")
    assert not judge(r"7or8", "7")


def test_an_endless_comparison_is_ended_and_the_next_one_answered(monkeypatch, own_pool):
    monkeypatch.setattr(judges, "SECONDS", 0.3)
    assert not judge("9^{9^{9^{9}}}", "5")
    assert own_pool._idle.empty()
    monkeypatch.setattr(judges, "SECONDS", 10)
    assert judge(r"\frac{10}{2}", "5")


def test_threads_share_a_few_judges(own_pool):
    verdicts = []
    threads = [threading.Thread(target=lambda: verdicts.append(judge("2+3", "5"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [True] * 6
    assert own_pool._idle.qsize() <= judges.JUDGES


def test_a_judge_that_died_is_replaced(own_pool):
    assert judge("2+3", "5")
    waiting = own_pool._idle.get()
    waiting.process.kill()
    waiting.process.wait()
    own_pool._idle.put(waiting)
    assert not judge("2+4", "6")  # this one is lost, said in the log, and counted as wrong
    assert judge("2+4", "6")
