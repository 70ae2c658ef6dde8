"""Scores of many answers by one reward model: each is asked for once, written at once and never lost."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation.run import Progress, no_progress
from gd2po.evaluation.journal import Journal
from gd2po.evaluation.safety.declared import model_of
from gd2po.evaluation.safety.items import Messages
from gd2po.rewards.models.checks import check_scores
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import Scored
from gd2po.rewards.models.hosting.serving import open_scorer
from gd2po.settings import RewardSettings

CONCURRENCY = 32
"""Answers under way at one reward model."""

_KEPT = ("score", "cut", "failure")


@dataclass(frozen=True, slots=True)
class AnswerToScore:
    """One answer in its conversation.

    Attributes:
        id: A name that is unique among the answers.
        messages: The conversation before the response.
        response: The text of the response.
    """

    id: str
    messages: Messages
    response: str

    @property
    def checksum(self) -> str:
        """The checksum of messages and response."""
        return hashlib.sha256(json.dumps([self.messages, self.response]).encode()).hexdigest()[:16]


def score_answers(
    name: str,
    reward: RewardSettings,
    answers: Sequence[AnswerToScore],
    file: Path,
    origin: Mapping[str, Any],
    *,
    check: bool = True,
    on_progress: Progress = no_progress,
) -> dict[str, Scored]:
    """Score every answer that ``file`` does not score yet.

    The model is not loaded where nothing is left to score. An answer that got no score in an earlier session
    is asked about again.

    Args:
        name: The name of the reward.
        reward: A reward with a model.
        answers: The answers, with distinct ids.
        file: The file of the scores, JSON lines; it belongs to this model and these answers alone.
        origin: The first line of the file: the facts about the model that decide the scores.
        check: Whether to check range and sign of the model's scores first.
        on_progress: Called at the start and after each answer with the numbers of scored and failed ones.

    Returns:
        The scores by id; ``score`` is None where the model gave none and ``on_failure`` is ``not_scored``.

    Raises:
        RewardModelError: The model cannot be used, or gives no score and ``on_failure`` is ``error``.
        JournalError: The file belongs to another run.
    """
    with Journal(file, origin, "scores") as journal:
        known = {(line["id"], line["answer"]): line for line in journal.lines if line["score"] is not None}
        done = {answer.id: _read(line) for answer in answers if (line := known.get((answer.id, answer.checksum)))}
        waiting = [answer for answer in answers if answer.id not in done]
        on_progress(len(done), 0)
        if waiting:
            session = _Session(journal, done, on_progress)
            with open_scorer(name, model_of(reward)) as client:
                asyncio.run(session.score(client, reward, waiting, check))
    return {answer.id: done[answer.id] for answer in answers}


@dataclass(slots=True)
class _Session:
    journal: Journal
    done: dict[str, Scored]
    on_progress: Progress
    failed: int = 0

    async def score(
        self, client: RewardModelClient, reward: RewardSettings, answers: Sequence[AnswerToScore], check: bool
    ) -> None:
        try:
            if check:
                await check_scores(client, model_of(reward), reward.direction)
            await self._work_off(client, answers)
        finally:
            await client.close()

    async def _work_off(self, client: RewardModelClient, answers: Sequence[AnswerToScore]) -> None:
        """Score all answers; when one raises, the requests under way are dropped and its error goes up alone."""
        waiting = iter(answers)

        async def work() -> None:
            for answer in waiting:
                self._note(answer, await client.score(answer.messages, answer.response))

        workers = [asyncio.ensure_future(work()) for _ in range(CONCURRENCY)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _note(self, answer: AnswerToScore, scored: Scored) -> None:
        kept = {name: getattr(scored, name) for name in _KEPT}
        self.journal.append({"id": answer.id, "answer": answer.checksum, **kept})
        self.done[answer.id] = scored
        self.failed += scored.score is None
        self.on_progress(len(self.done) - self.failed, self.failed)


def _read(line: Mapping[str, Any]) -> Scored:
    return Scored(**{name: line[name] for name in _KEPT})
