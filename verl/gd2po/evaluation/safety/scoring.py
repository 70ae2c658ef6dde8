"""Scores of many answers by one reward model: asked once, written at once, gone on with after any interruption."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po import defaults
from gd2po.evaluation.journal import Journal
from gd2po.evaluation.safety.declared import model_of
from gd2po.evaluation.safety.items import Messages
from gd2po.rewards.models.checks import check_scores
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import Scored
from gd2po.rewards.models.hosting.serving import open_scorer
from gd2po.settings import RewardSettings

Progress = Callable[[int, int], None]

_KEPT = ("score", "cut", "failure")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reward model is asked about.

    Attributes:
        id: unique among the answers.
        messages: the conversation before the response.
        response: text.
    """

    id: str
    messages: Messages
    response: str

    @property
    def checksum(self) -> str:
        """Of messages and response."""
        return hashlib.sha256(json.dumps([self.messages, self.response]).encode()).hexdigest()[:16]


def score_answers(
    name: str,
    reward: RewardSettings,
    answers: Sequence[Answer],
    file: Path,
    origin: Mapping[str, Any],
    *,
    check: bool = True,
    on_progress: Progress = lambda scored, failed: None,
) -> dict[str, Scored]:
    """Score every answer that ``file`` does not score yet.

    The model is not loaded where nothing is left to score. An answer that got no score in an earlier sitting is asked
    again.

    Args:
        name: of the reward.
        reward: with a model.
        answers: with distinct ids.
        file: JSON lines; belongs to this model and these answers alone.
        origin: first line of the file: the model, as far as it decides the scores.
        check: check range and sign of the model's scores first.
        on_progress: called at the start and after each answer with the numbers of scored and failed ones.

    Returns:
        By id; ``score`` is None where the model gave none and ``on_failure`` is ``not_scored``.

    Raises:
        RewardModelError: the model cannot be used, or gives no score and ``on_failure`` is ``error``.
        JournalError: the file belongs to another run.
    """
    with Journal(file, origin, "scores") as journal:
        known = {(line["id"], line["answer"]): line for line in journal.lines if line["score"] is not None}
        done = {answer.id: _read(line) for answer in answers if (line := known.get((answer.id, answer.checksum)))}
        waiting = [answer for answer in answers if answer.id not in done]
        on_progress(len(done), 0)
        if waiting:
            sitting = _Sitting(journal, done, on_progress)
            with open_scorer(name, model_of(reward)) as client:
                asyncio.run(sitting.score(client, reward, waiting, check))
    return {answer.id: done[answer.id] for answer in answers}


@dataclass(slots=True)
class _Sitting:
    journal: Journal
    done: dict[str, Scored]
    on_progress: Progress
    failed: int = 0

    async def score(
        self, client: RewardModelClient, reward: RewardSettings, answers: Sequence[Answer], check: bool
    ) -> None:
        try:
            if check:
                await check_scores(client, model_of(reward), reward.direction)
            await self._work_off(client, answers)
        finally:
            await client.close()

    async def _work_off(self, client: RewardModelClient, answers: Sequence[Answer]) -> None:
        """All of them; when one raises, those under way are dropped and its error goes up alone."""
        waiting = iter(answers)

        async def work() -> None:
            for answer in waiting:
                self._note(answer, await client.score(answer.messages, answer.response))

        workers = [asyncio.ensure_future(work()) for _ in range(defaults.SAFETY_SCORING_CONCURRENCY)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _note(self, answer: Answer, scored: Scored) -> None:
        about = {name: getattr(scored, name) for name in _KEPT}
        self.journal.append({"id": answer.id, "answer": answer.checksum, **about})
        self.done[answer.id] = scored
        self.failed += scored.score is None
        self.on_progress(len(self.done) - self.failed, self.failed)


def _read(line: Mapping[str, Any]) -> Scored:
    return Scored(**{name: line[name] for name in _KEPT})
