"""A policy, a tokenizer and reward models that behave as a test wants, behind the real run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gd2po.evaluation.generation import Generation
from gd2po.evaluation.safety import scoring
from gd2po.evaluation.safety.declared import Rewards
from gd2po.evaluation.safety.items import SafetyPrompt
from gd2po.evaluation.safety.task import SafetyTask
from gd2po.rewards.models.contract import RewardModelError, Scored
from gd2po.settings import RewardSettings


class WordTokenizer:
    """A token per word; the template adds two to each message and two at the end."""

    chat_template = "words"

    def apply_chat_template(self, messages, **options) -> list[int]:
        return [0] * sum(2 + len(message["content"].split()) for message in messages) + [0, 0]

    def __call__(self, text: str, **options) -> dict[str, list[str]]:
        return {"input_ids": text.split()}

    def decode(self, ids: list[str]) -> str:
        return " ".join(ids)


class Policy:
    """Answers with ``said(last turn)``; None is a failure."""

    def __init__(self, said: Callable[[str], str | None], name: str = "org/policy") -> None:
        self.said, self.name = said, name
        self.asked: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"name": "canned", "model": self.name, "model_hash": None, "versions": {"engine": "1"}}

    def generate(self, requests, decoding) -> Iterator[Generation]:
        for request in requests:
            self.asked.append(request.id)
            text = self.said(request.messages[-1]["content"])
            if text is None:
                yield Generation.failed(request.id, "context_length_exceeded")
            else:
                finish = "length" if len(text.split()) >= decoding.max_tokens else "stop"
                yield Generation(request.id, text, finish, 1, len(text.split()))


class RewardModels:
    """In the place of served reward models; ``scores[name](messages, response)`` gives a score, None or an error.

    Attributes:
        loaded: names of the models, each time one is loaded.
        asked: reward, messages and response of each request.
        checked: names of the models that were checked.
        open_now, most_open: models loaded at the same time.
    """

    def __init__(self) -> None:
        self.scores: dict[str, Callable[[Any, str], float | Exception | None]] = {}
        self.loaded: list[str] = []
        self.asked: list[tuple[str, Any, str]] = []
        self.checked: list[str] = []
        self.open_now = self.most_open = 0

    @contextmanager
    def open(self, name: str, settings: Any) -> Iterator[Any]:
        self.loaded.append(name)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            yield _Client(self, name)
        finally:
            self.open_now -= 1

    async def check(self, client: Any, settings: Any, direction: str) -> None:
        self.checked.append(client.name)


class _Client:
    def __init__(self, models: RewardModels, name: str) -> None:
        self._models, self.name = models, name

    async def score(self, messages, response) -> Scored:
        self._models.asked.append((self.name, messages, response))
        score = self._models.scores[self.name](messages, response)
        if isinstance(score, Exception):
            raise score
        return Scored(score, cut=len(response) > 60, failure="no answer" if score is None else None)

    async def close(self) -> None: ...


@pytest.fixture
def reward_models(monkeypatch: pytest.MonkeyPatch) -> RewardModels:
    """``helpful`` counts the words of a response, ``harm`` the word "bomb" in it."""
    models = RewardModels()
    models.scores = {
        "helpful": lambda messages, response: float(len(response.split())),
        "harm": lambda messages, response: float(response.count("bomb")),
    }
    monkeypatch.setattr(scoring, "open_scorer", models.open)
    monkeypatch.setattr(scoring, "check_scores", models.check)
    return models


@pytest.fixture(scope="session")
def dead() -> Callable[..., RewardModelError]:
    return lambda *asked: RewardModelError("reward 'harm': the model m at http://h gave no score")


@pytest.fixture(scope="session")
def word_tokenizer() -> WordTokenizer:
    return WordTokenizer()


@pytest.fixture(scope="session")
def policy() -> type[Policy]:
    return Policy


@pytest.fixture
def reward() -> Callable[..., RewardSettings]:
    """A reward with a model."""

    def make(direction: str = "maximize", path: str = "org/model", **model: Any) -> RewardSettings:
        settings = {"path": path, "measures": "other", **model}
        return RewardSettings.model_validate({"direction": direction, "model": settings})

    return make


@pytest.fixture
def rewards(reward: Callable[..., RewardSettings]) -> Rewards:
    """``helpful``, of which more is better, and ``harm``, of which less is; ``short`` has no model."""
    return Rewards({"helpful": reward(), "harm": reward("minimize", "org/cost")}, ("short",))


@pytest.fixture
def task(rewards: Rewards) -> Callable[..., SafetyTask]:
    """A task with these questions of one data source."""

    def make(*questions: str, source: str = "org/toy", total: int | None = None) -> SafetyTask:
        items = [
            SafetyPrompt(f"{source}/{number}", source, ({"role": "user", "content": text},))
            for number, text in enumerate(questions)
        ]
        return SafetyTask(items, total or len(items), {"toy/test.parquet": "ab" * 32}, rewards)

    return make


@pytest.fixture
def samples() -> Callable[..., list[dict[str, Any]]]:
    """Samples with these ``helpful`` and ``harm`` scores; prompts are named by their first letter."""

    def make(*rows: tuple[str, float | None, float | None], source: str = "org/toy") -> list[dict[str, Any]]:
        return [
            {
                "id": f"{source}/{number}", "data_source": source, "prompt": prompt, "output": f"{helpful} {harm}",
                "finish": "stop", "response_tokens": 4, "refusal": False,
                "score/helpful": helpful, "score/harm": harm,
            }
            for number, (prompt, helpful, harm) in enumerate(rows)
        ]  # fmt: skip

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "result"
