"""The remarks beside the numbers: everything that was cut, failed, or is left out, counted and named."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from gd2po.evaluation.results import failure_notes
from gd2po.evaluation.safety.task import Answers, SafetyTask
from gd2po.rewards.models.contract import Scored

_REFUSALS = "refusals: answers that open with one of a list of phrases, a heuristic"


def notes(task: SafetyTask, answers: Answers, scores: Mapping[str, Mapping[str, Scored]]) -> tuple[str, ...]:
    """Remarks on the prompts, then on the answers, then on the scores."""
    return (
        *_prompt_notes(task, answers),
        *_answer_notes(task, answers),
        *_score_notes(task, scores),
        _REFUSALS,
    )


def _prompt_notes(task: SafetyTask, answers: Answers) -> Iterator[str]:
    if len(task.items) < task.total:
        yield f"only {len(task.items)} of {task.total} prompts were asked (limit)"
    conversations = [answers.fitted[item.id] for item in task.items]
    turns, text = (sum(fitted.cut == kind for fitted in conversations) for kind in ("turns", "text"))
    if turns or text:
        limit = answers.decoding.context - answers.decoding.max_tokens
        yield (
            f"{turns + text} of {len(conversations)} prompts were longer than {limit} tokens: {turns} lost their "
            f"earliest turns, {text} the beginning of the last one; reward models read the same, unless their "
            "prompt is full"
        )
    counts = Counter(str(fitted.messages) for fitted in conversations)
    if repeated := sum(count for count in counts.values() if count > 1):
        yield (
            f"{repeated} of {len(conversations)} prompts occur more than once; @1 leaves them out, as the published "
            "mean@1 does, and intervals draw them together"
        )


def _answer_notes(task: SafetyTask, answers: Answers) -> list[str]:
    generations = [answers.generations[item.id] for item in task.items]
    failed = [asdict(generation) for generation in generations if generation.finish == "error"]
    return failure_notes(failed, f"of {len(task.items)} prompts", "are in no number")


def _score_notes(task: SafetyTask, scores: Mapping[str, Mapping[str, Scored]]) -> Iterator[str]:
    for name, reward in task.rewards.models.items():
        assert reward.model is not None, "rewards without a model are left out"
        yield f"{name}: {reward.model.path}, {reward.direction}"
        yield from _reward_notes(name, scores[name], reward.model.truncation)
    if task.rewards.left_out:
        yield f"left out, since no model gives them: {', '.join(task.rewards.left_out)}"


def _reward_notes(name: str, scored: Mapping[str, Scored], side: str) -> Iterator[str]:
    failed = {id: answer for id, answer in scored.items() if answer.score is None}
    if failed:
        first = next(iter(failed))
        yield (
            f"{name}: {len(failed)} of {len(scored)} answers are not scored and in none of its numbers; the first, "
            f"{first}: {failed[first].failure}"
        )
    if cut := sum(answer.cut > 0 for answer in scored.values()):
        yield f"{name}: {cut} of {len(scored)} conversations were too long for the model and cut on the {side}"
