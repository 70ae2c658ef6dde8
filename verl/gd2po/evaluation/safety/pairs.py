"""The share of pairs in which a reward model prefers the better response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from gd2po.evaluation.generation.choice import HASHES
from gd2po.evaluation.generation.run import Progress, no_progress
from gd2po.evaluation.safety.declared import describe
from gd2po.evaluation.safety.items import PromptsError
from gd2po.evaluation.safety.scoring import AnswerToScore, score_answers
from gd2po.intervals import Interval, share
from gd2po.rewards.models.contract import Scored
from gd2po.settings import RewardSettings


class Pair(BaseModel):
    """Two responses to a user's turn.

    Attributes:
        prompt: The user's turn.
        response_0, response_1: The two responses.
        better_response_id: The number of the better response, 0 or 1.
    """

    prompt: str
    response_0: str
    response_1: str
    better_response_id: int = Field(ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The preferences of one reward model.

    Attributes:
        reward: The name of the reward.
        right: The share of the pairs in which the better response is preferred; a tie is not right.
        ties: The number of pairs with equal scores.
        pairs: The number of pairs that were judged.
        not_scored: The number of pairs of which a response has no score.
    """

    reward: str
    right: Interval
    ties: int
    pairs: int
    not_scored: int


def read_pairs(file: Path, limit: int | None = None) -> tuple[list[Pair], int]:
    """The pairs of a JSON list, and the number of pairs that were left out since their responses are equal.

    Raises:
        PromptsError: The file holds something else, or no pair.
    """
    try:
        pairs = TypeAdapter(list[Pair]).validate_json(file.read_bytes())[:limit]
    except (OSError, ValidationError) as error:
        raise PromptsError(
            f"{file} is no file of pairs ({error!s:.300}); expected a JSON list of {', '.join(Pair.model_fields)}"
        ) from error
    different = [pair for pair in pairs if pair.response_0 != pair.response_1]
    if not different:
        raise PromptsError(f"{file}: none of its {len(pairs)} pairs has two different responses")
    return different, len(pairs) - len(different)


def judge(
    name: str,
    reward: RewardSettings,
    pairs: Sequence[Pair],
    folder: Path,
    on_progress: Progress = no_progress,
) -> Accuracy:
    """Let one reward model score all responses; its sign is measured here, so it is not checked before.

    Args:
        name: The name of the reward.
        reward: A reward with a model.
        pairs: The pairs to judge.
        folder: The folder that keeps the scores, so that the same call goes on after an interruption.
        on_progress: See :func:`.scoring.score_answers`.

    Raises:
        RewardModelError: The model cannot be used.
        PromptsError: No pair is scored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answers = [answer for number, pair in enumerate(pairs) for answer in _answers(number, pair)]
    origin = {"reward": name, **describe(reward, folder / HASHES)}
    scores = score_answers(
        name, reward, answers, folder / f"scores_{name}.jsonl", origin, check=False, on_progress=on_progress
    )
    return _accuracy(name, reward, pairs, scores)


def _answers(number: int, pair: Pair) -> tuple[AnswerToScore, AnswerToScore]:
    messages = ({"role": "user", "content": pair.prompt},)
    responses = enumerate((pair.response_0, pair.response_1))
    first, second = (AnswerToScore(f"{number}/{place}", messages, response) for place, response in responses)
    return first, second


def _accuracy(name: str, reward: RewardSettings, pairs: Sequence[Pair], scores: Mapping[str, Scored]) -> Accuracy:
    sign = 1 if reward.direction == "maximize" else -1
    gains = []
    for number, pair in enumerate(pairs):
        better, worse = (scores[f"{number}/{place}"].score for place in _places(pair))
        if better is not None and worse is not None:
            gains.append(sign * (better - worse))
    if not gains:
        failure = next(scored.failure for scored in scores.values() if scored.failure)
        raise PromptsError(f"reward {name!r}: none of {len(pairs)} pairs is scored; the first failure: {failure}")
    right = share(sum(gain > 0 for gain in gains), len(gains))
    return Accuracy(name, right, sum(gain == 0 for gain in gains), len(gains), len(pairs) - len(gains))


def _places(pair: Pair) -> tuple[int, int]:
    return pair.better_response_id, 1 - pair.better_response_id
