"""The stand-in's answers by conversation, and what it says of conversations with two right answers."""

from gd2po.evaluation.bfcl.gold import _by_conversation


def line(id: str, asked: str, answer: str) -> dict:
    return {"id": id, "messages": [{"role": "user", "content": asked}], "answer": answer}


def test_the_category_named_first_has_its_answer():
    gold = _by_conversation([line("live_simple_1-0-0", "q", "call"), line("live_irrelevance_2-0-0", "q", "words")])
    assert list(gold.answers.values()) == ["call"]
    assert gold.torn == {("live_simple", "live_irrelevance"): 1}


def test_equal_answers_are_no_trouble():
    assert _by_conversation([line("multiple_1", "q", "call"), line("multiple_2", "q", "call")]).torn == {}
