"""The stand-in's answers by conversation, and its account of conversations with two right answers."""


def line(id: str, asked: str, answer: str) -> dict:
    return {"id": id, "messages": [{"role": "user", "content": asked}], "answer": answer}


def test_the_category_named_first_has_its_answer(gold_server):
    lines = [line("live_simple_1-0-0", "q", "call"), line("live_irrelevance_2-0-0", "q", "words")]
    gold = gold_server.by_conversation(lines)
    assert list(gold.answers.values()) == ["call"]
    assert gold.ambiguous == {("live_simple", "live_irrelevance"): 1}


def test_equal_answers_are_no_trouble(gold_server):
    lines = [line("multiple_1", "q", "call"), line("multiple_2", "q", "call")]
    assert gold_server.by_conversation(lines).ambiguous == {}
