"""Which nodes are missing, in words; and waiting for them, without Ray."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gd2po.hosts.verl.preflight import nodes
from gd2po.hosts.verl.preflight.nodes import ClusterError, ExpectedNodes, Node, wait_for_nodes

ALPHA, BETA, POOR = Node("alpha", "10.0.0.1", 8), Node("beta", "10.0.0.2", 8), Node("beta", "10.0.0.2", 7)


@pytest.mark.parametrize(
    ("names", "nodes", "lacks"),
    [
        (("alpha", "beta"), [ALPHA, BETA], ""),
        (("alpha", "10.0.0.2"), [ALPHA, BETA], ""),
        (("alpha", "beta"), [ALPHA], "missing: beta"),
        (("alpha", "beta"), [], "missing: alpha, beta"),
        (("alpha", "gamma"), [ALPHA, BETA], "missing: gamma"),
        (("alpha", "beta"), [ALPHA, POOR], "beta has 7 of 8 GPUs"),
        (("beta", "gamma"), [POOR], "missing: gamma; beta has 7 of 8 GPUs"),
        ((), [ALPHA], "missing: 1 of 2 nodes"),
        ((), [ALPHA, BETA], ""),
    ],
)
def test_what_is_missing_is_named(names, nodes, lacks):
    assert ExpectedNodes(2, 8, names).lacks(nodes) == lacks


@pytest.fixture
def seen(monkeypatch):
    """Lets Ray be seen as a sequence of states, the last of which stays; a look takes no time but by its own clock."""
    clock = [0.0]
    time = SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda seconds: clock.append(clock.pop() + seconds))
    monkeypatch.setattr(nodes, "time", time)

    def seen(*states: list[Node] | None) -> None:
        remaining: Iterator = iter(states)
        monkeypatch.setattr(nodes, "read_nodes", lambda dashboard: next(remaining, states[-1]))

    return seen


def test_progress_is_said_when_it_changes(seen):
    seen(None, None, [ALPHA], [ALPHA], [ALPHA, BETA])
    reported: list[str] = []
    assert wait_for_nodes("http://head", ExpectedNodes(2, 8, ("alpha", "beta")), 60, reported.append) == [ALPHA, BETA]
    assert reported == [
        "waiting for nodes, 0 s: 0 of 2 nodes, 0 of 16 GPUs; the dashboard of the head does not answer yet",
        "waiting for nodes, 2 s: 1 of 2 nodes, 8 of 16 GPUs; missing: beta",
    ]


def test_and_repeated_after_15_seconds(seen):
    seen(*[[ALPHA]] * 20, [ALPHA, BETA])
    reported: list[str] = []
    wait_for_nodes("http://head", ExpectedNodes(2, 8), 60, reported.append)
    progress = "1 of 2 nodes, 8 of 16 GPUs; missing: 1 of 2 nodes"
    assert reported == [f"waiting for nodes, {seconds} s: {progress}" for seconds in (0, 15)]


def test_the_end_of_patience_names_who_is_missing_and_who_is_here(seen):
    seen([ALPHA])
    with pytest.raises(ClusterError, match=r"1 of 2 nodes, 8 of 16 GPUs; missing: beta\. Here: alpha \(10\.0\.0\.1"):
        wait_for_nodes("http://head", ExpectedNodes(2, 8, ("alpha", "beta")), 5, lambda line: None)


def test_the_end_of_the_head_is_noticed(seen):
    seen(None)
    with pytest.raises(ClusterError, match="Ray has ended on the head"):
        wait_for_nodes("http://head", ExpectedNodes(2, 8), 60, lambda line: None, alive=lambda: False)


def test_nobody_there_is_not_an_error_yet():
    assert nodes.read_nodes("http://127.0.0.1:9") is None
