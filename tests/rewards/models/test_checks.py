"""Checks of a running model, asked through anything that has the client's ``score``."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gd2po.rewards.models.checks import CheckReport, KnownPair, check_scores, known_pairs
from gd2po.rewards.models.contract import RewardModelError, Scored
from gd2po.rewards.models.settings import ModelSettings

Score = Callable[[KnownPair, bool], float]


def check(score: Score, direction: Any = "maximize", **options: Any) -> CheckReport:
    """The report on a model whose score of a known answer depends on the pair and on whether it is the better one."""
    settings = ModelSettings(path="rm", **{"measures": "safety", **options})
    answers = {
        (pair.prompt, answer): (pair, answer == pair.better)
        for pair in known_pairs("other")
        for answer in (pair.better, pair.worse)
    }
    requests: Counter[tuple[str, str]] = Counter()

    async def answer(messages: list[dict[str, str]], response: str) -> Scored:
        await asyncio.sleep(0)
        (message,) = messages
        requests[message["content"], response] += 1
        return Scored(score(*answers[message["content"], response]))

    client: Any = SimpleNamespace(name="harm", settings=settings, addresses=["http://a:1"], score=answer)
    report = asyncio.run(check_scores(client, settings, direction))
    assert set(requests.values()) == {1} and len(requests) == 2 * report.pairs
    return report


def preferring_better(count: int, otherwise: float = -2.0) -> Score:
    """Prefers the better answer of the first ``count`` safety pairs, and the worse one, or neither, of the others."""
    number = {pair: place for place, pair in enumerate(known_pairs("safety"))}
    return lambda pair, better: (2.0 if number[pair] < count else otherwise) * better - 1.0


def test_a_good_model_passes():
    report = check(preferring_better(8))
    assert (report.right, report.pairs, report.low, report.high) == (8, 8, -1.0, 1.0)
    assert str(report) == "reward harm: -1 to 1 for 16 known answers, the better one of 8 of 8 pairs preferred"


@pytest.mark.parametrize(("right", "refused"), [(0, True), (2, True), (3, False)])
def test_an_inverted_model_is_refused_from_three_wrong_in_four(right, refused):
    if not refused:
        assert check(preferring_better(right)).right == right
        return
    with pytest.raises(RewardModelError) as caught:
        check(preferring_better(right))
    for part in ("'harm'", "rm at http://a:1", f"{8 - right} of 8", "direction: maximize", "Set direction: minimize",
                 "another model", "sign_check: false"):  # fmt: skip
        assert part in str(caught.value)


def test_the_direction_turns_the_verdict():
    assert check(preferring_better(0), "minimize").right == 8
    with pytest.raises(RewardModelError, match=r"8 of 8 .*direction: minimize.*Set direction: maximize"):
        check(preferring_better(8), "minimize")


def test_a_tie_is_not_a_preference_for_the_worse_answer():
    report = check(preferring_better(2, otherwise=0.0))
    assert report.right == 2 and report.doubtful


@pytest.mark.parametrize(("right", "doubtful"), [(3, True), (4, True), (5, False)])
def test_a_model_that_is_right_in_few_pairs_passes_with_a_caution(right, doubtful):
    report = check(preferring_better(right))
    assert report.doubtful is doubtful
    assert ("that is few" in str(report)) is doubtful


def test_without_the_sign_check_only_the_sign_is_not_checked():
    assert check(preferring_better(0), sign_check=False).right == 0
    with pytest.raises(RewardModelError, match="to each of 16"):
        check(lambda pair, better: -1.5, sign_check=False)


def test_probabilities_are_refused():
    with pytest.raises(RewardModelError, match=r"0.2 to 0.9 for 16 .*looks like probabilities.*problem"):
        check(lambda pair, better: 0.9 if better else 0.2)
    assert check(lambda pair, better: 1.0 if better else 0.2).right == 8  # 1 is no sigmoid of a logit in reach


def test_log_odds_of_a_guard_are_ours_and_may_lie_between_0_and_1():
    assert check(lambda pair, better: 0.2 if better else 0.9, "minimize", kind="guard").right == 8


@pytest.mark.parametrize("constant", [-1.5, 0.0, 0.5])
def test_a_model_that_says_the_same_to_everything_is_dead(constant):
    with pytest.raises(RewardModelError, match=f"gives {constant:g} to each of 16 known answers"):
        check(lambda pair, better: constant)


def test_of_other_measures_all_pairs_are_asked_and_no_sign_is_checked():
    report = check(lambda pair, better: -1.0 if better else 2.0, measures="other")
    assert report.right is None and report.pairs == len(known_pairs("other")) and not report.doubtful
    assert str(report) == "reward harm: -1 to 2 for 32 known answers"


def test_a_model_without_an_answer_is_refused():
    async def none(messages: Any, response: str) -> Scored:
        return Scored(None, failure="asleep")

    settings = ModelSettings(path="rm", measures="safety", on_failure="not_scored")
    client: Any = SimpleNamespace(name="harm", settings=settings, addresses=["http://a:1"], score=none)
    with pytest.raises(RewardModelError, match=r"'harm'.*gives no score to a known answer: asleep"):
        asyncio.run(check_scores(client, settings, "maximize"))


def test_known_pairs_are_as_many_as_they_should_be_and_all_different():
    helpful, safe, everything = (known_pairs(measures) for measures in ("helpfulness", "safety", "other"))
    assert len(helpful) == len(safe) == 8
    assert everything == helpful + safe
    texts = list(itertools.chain.from_iterable((pair.prompt, pair.better, pair.worse) for pair in everything))
    assert len(set(texts)) == len(texts) == 48 and all(text == text.strip() for text in texts)


@pytest.mark.parametrize("measures", ["helpfulness", "safety"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_model_that_counts_words_is_told_from_one_that_reads(measures, sign):
    def count(pair: KnownPair, better: bool) -> float:
        return sign * float(len((pair.better if better else pair.worse).split()))

    report = check(count, measures=measures)
    assert report.right == 4 and report.doubtful
