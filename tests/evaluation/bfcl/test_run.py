"""A result folder belongs to one evaluation, and knows the time that was spent on it. BFCL itself does not run here."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from gd2po.evaluation import journal
from gd2po.evaluation.bfcl import run
from gd2po.evaluation.bfcl.run import RUN, BFCLTask, Server, evaluate
from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.journal import JournalError, read_lines, time_spent
from gd2po.evaluation.results import SUMMARY

TASK = BFCLTask(("multiple",))


@pytest.fixture
def interrupted(gold_server, tmp_path, monkeypatch):
    """Begins an evaluation in which the user presses Ctrl-C during BFCL's first step."""

    def press(*arguments, **options):
        raise KeyboardInterrupt

    def begin(task=TASK, decoding=Decoding()):  # noqa: B008
        with pytest.raises(KeyboardInterrupt):
            evaluate(task, gold_server.GoldBackend({}), decoding, tmp_path, Server("http://127.0.0.1:9"))

    days = (datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9))
    monkeypatch.setattr(journal, "datetime", SimpleNamespace(now=lambda zone: next(days)))
    monkeypatch.setattr(run, "carry_out", press)
    return begin


def test_an_interruption_leaves_its_time_and_no_summary(interrupted, tmp_path):
    (tmp_path / SUMMARY).write_text("from an earlier evaluation")
    interrupted()
    first, _ = time_spent(tmp_path / RUN)
    assert first and not (tmp_path / SUMMARY).exists()
    interrupted()
    sessions = {line["session"] for line in read_lines(tmp_path / RUN)[1:]}
    assert len(sessions) == 2 and time_spent(tmp_path / RUN)[0] == first == min(sessions)


@pytest.mark.parametrize(
    ("task", "decoding", "said"),
    [
        (BFCLTask(("parallel",)), Decoding(), r"categories was \['multiple'\], is \['parallel'\]"),
        (TASK, Decoding(max_tokens=9), "decoding was .* is .*'max_tokens': 9"),
    ],
)
def test_another_evaluation_is_refused_and_the_difference_named(interrupted, task, decoding, said):
    interrupted()
    with pytest.raises(JournalError, match=said):
        interrupted(task, decoding)
