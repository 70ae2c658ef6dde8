"""What the name of a column says about the numbers in it."""

import re
from collections.abc import Collection
from typing import Literal

Sign = Literal["reward", "word", ""]
"""How a name speaks for a reward: it says so, it is a usual name of one, or it does not."""

COUNT = "a count or length"

GROUPS = (
    *("uid", "group_id", "group", "prompt_id", "query_id", "question_id", "problem_id", "task_id", "prompt_idx"),
    *("prompt_index", "_ng_task_index", "prompt", "prompts", "prompt_text", "input", "question", "problem", "query"),
    *("instruction", "messages", "prompt_ids", "prompt_token_ids"),
)
"""Names of columns that tell the prompt, the likelier ones first."""

REWARD, ADVANTAGE, WEIGHT = "reward/", "adv/", "weight/"
"""Beginnings of the names of columns in the dumps of this plug-in."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_REWARD = frozenset({"reward", "rewards", "score", "scores"})
_HOLDERS = _REWARD | {"components", "breakdown", "details", "rubric", "rubrics", "signals"}
_TOTAL = _set(
    """
    total sum mean avg average overall final combined aggregate aggregated std var variance min max median
    return returns
    """
)
_MARKS = {
    "a time": """time times timestamp timing timings latency duration seconds sec secs ms elapsed date runtime started
    ended created""",
    "an id or index": """id ids uid uuid idx index indices row rank seed rollout sample epoch iter iteration step steps
    version hash pid gpu worker unnamed level batch position turn""",
    "a truth or an answer": """truth gt gts gold golden label labels target targets expected answer answers solution
    solutions reference references ref pred preds prediction predictions predicted parsed extracted""",
    COUNT: """count counts num tokens token length lengths len size chars words turns calls attempts
    retries n""",
    "a quantity of the training": """advantage advantages adv logprob logprobs logp logps kl entropy loss grad lr
    temperature perplexity ppl prob probs weight weights kept conflict mask masked truncated clipped difficulty done""",
}
_MARKED = {what: _set(words) for what, words in _MARKS.items()}
_WORDS = _set(
    """
    correct correctness accuracy acc format fmt formatting brief brevity concise conciseness short helpful helpfulness
    harm harmful harmless harmlessness safe safety toxic toxicity quality style fluency fluent relevance relevant
    coherence faithful faithfulness factual factuality penalty bonus verified verifier judge preference pass passed
    success valid match rouge bleu f1 em cost compliance consistency diversity repetition complexity completeness
    informative informativeness engagement empathy readability usefulness useful grounded groundedness depth
    originality naturalness plausibility following citation clarity honest honesty truthful truthfulness rm politeness
    refusal verbosity good bad creativity grammar overlong r
    """
)
_NOTES = _set("info extra logs metrics")
_VERBS = _set("check verify")
"""First words of functions that score, such as ``check_answer``."""

_SUMMARY_ROW = re.compile(
    r"(?:grand |sub-?)?totals?|sums?|means?|averages?|avg|overall|median|std|min|max|count|[0-9]{1,2}%", re.IGNORECASE
)
"""What tables write at the beginning of a row that sums up the rows above, pandas' ``describe`` too."""

_FUNCTION = _set("func fn function")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_INTERNAL = (
    "adv/",
    "watch/",
    "weight/",
    "metrics/",
    "timing/",
    "timing_s/",
    "critic/",
    "actor/",
    "metrics.",
    "timing.",
    "_ng_",
)


def tokens(name: str) -> list[str]:
    """The words of a name, in lower case: ``rewardLength``, ``reward_length`` and ``reward/length`` have two."""
    words = [word for word in re.split(r"[\W_]+", _CAMEL.sub("_", name).lower()) if word]
    return words[:-1] if len(words) > 1 and words[-1] in _FUNCTION else words


def plain(name: str) -> str:
    """A name in lower case without spaces around it, words joined by ``_``."""
    return re.sub(r"[\s_-]+", "_", _CAMEL.sub("_", name.strip()).lower())


def reason_against(name: str) -> str:
    """What the numbers of a column of this name are, if no reward; empty if the name does not tell."""
    words = tokens(name)
    if not words:
        return "a column without a name"
    if plain(name).startswith(_INTERNAL):
        return "a quantity of the training"
    inner, outer = _leaf(name)
    if _TOTAL & {*tokens(inner)} or (not outer and {*words} <= _REWARD):
        return "a total or mean by its name"
    if _is_held(outer) or (words[0] in _VERBS and len(words) > 1):
        return ""
    if words[-1] in _REWARD or (words[-1] in _WORDS and words[0] not in ("num", "n", "count")):
        return ""
    looked_at = {words[-1]} if words[0] in _REWARD else {*words}
    return next((f"{what} by its name" for what, marks in _MARKED.items() if looked_at & marks), "")


def may_be_reward(name: str) -> bool:
    """Whether the name of a column does not speak against a reward."""
    return not reason_against(name)


def holds_rewards(name: str) -> bool:
    """Whether an object in a column of this name may hold rewards."""
    words = {*tokens(_leaf(name)[0])}
    return bool(words & (_HOLDERS | _NOTES))


def sign_of(name: str) -> Sign:
    """How a name that does not speak against a reward speaks for one."""
    inner, outer = _leaf(name)
    words = tokens(inner)
    if _is_held(outer) or (len(words) > 1 and {words[0], words[-1]} & _REWARD):
        return "reward"
    if words and words[0] in _VERBS:
        return "word"
    return "word" if _WORDS & {*words} else ""


def names_summary(text: str) -> bool:
    """Whether a text is the name of a row that sums up others, such as ``Total``."""
    return bool(_SUMMARY_ROW.fullmatch(text.strip().rstrip(":")))


def find_name(known: Collection[str], names: Collection[str]) -> str | None:
    """The first known name among these, whatever the case and the spaces around it; else one at the end of a path."""
    whole = {plain(name): name for name in reversed(list(names))}
    ends = {plain(_leaf(name)[0]): name for name in reversed(list(names))}
    return next((where[name] for where in (whole, ends) for name in known if name in where), None)


def _leaf(name: str) -> tuple[str, str]:
    """The last part of a path with ``/``, ``.`` or ``:``, and what stands before it."""
    outer, inner = re.fullmatch(r"(?:(.*)[/.:])?([^/.:]*)", name.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
    return inner or name, outer or ""


def _is_held(outer: str) -> bool:
    words = tokens(outer)
    return bool(words) and bool({words[0], words[-1]} & _HOLDERS) and words[-1] not in ("model", "metrics")
