"""The circuit breaker."""

from gd2po.rewards.models.servers import Breaker


def test_it_opens_after_failures_in_a_row_and_tries_again_after_the_cool_down():
    now = [0.0]
    breaker = Breaker(failures=2, cool_down=10, clock=lambda: now[0])
    breaker.failed("a")
    breaker.answered()
    breaker.failed("b")
    assert breaker.admits()
    breaker.failed("c")
    assert not breaker.admits() and breaker.last == "c"
    now[0] = 10
    assert breaker.admits() and not breaker.admits()  # one try
    breaker.failed("d")
    now[0] = 19
    assert not breaker.admits()
    now[0] = 20
    assert breaker.admits()
    breaker.answered()
    assert breaker.admits() and breaker.admits()
