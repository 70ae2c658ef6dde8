"""A benchmark of four questions in two sets, and a model that answers each sample from a list."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gd2po.evaluation.generation import Generation
from gd2po.evaluation.questions.task import Question, QuestionTask


def _judge(responses):
    for response in responses:
        yield {"correct": int(response.text == "yes"), "vowels": sum(map(response.text.count, "aeiou")) / 3}


def _questions() -> tuple[Question, ...]:
    def question(id: str, flaw: str | None = None) -> Question:
        return Question(id, id.partition("/")[0], ({"role": "user", "content": id},), flaw)

    return question("easy/0"), question("easy/1"), question("hard/0", "nobody knows"), question("hard/1")


@pytest.fixture
def task() -> Callable[..., QuestionTask]:
    def build(**fields: Any) -> QuestionTask:
        questions = _questions()
        given = {"benchmark": "toy", "questions": questions, "total": 4, "version": {"easy": "1"}, "judge": _judge}
        return QuestionTask(**given | fields)

    return build


@pytest.fixture
def model() -> Callable[..., Any]:
    """A backend by the id of a question → the texts of its samples; None is a failure, the length counts as tokens."""

    class Model:
        def __init__(self, **texts: list[str | None]) -> None:
            self.texts = {id.replace("_", "/"): of_question for id, of_question in texts.items()}
            self.requests: list[Any] = []

        def describe(self) -> dict[str, Any]:
            return {"name": "canned", "model": "org/model", "model_hash": None, "versions": {}}

        def generate(self, requests, decoding) -> Iterator[Generation]:
            self.requests += requests
            for request in reversed(requests):
                question, _, number = request.id.rpartition("#")
                text = self.texts[question][int(number)]
                if text is None:
                    yield Generation.failed(request.id, "no memory")
                else:
                    cut = text.endswith("…")
                    yield Generation(request.id, text, "length" if cut else "stop", 3, len(text))

    return Model
