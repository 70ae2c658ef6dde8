"""The categories of the benchmark: which are evaluated, how many entries they have, and which are refused and why."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gd2po.errors import SettingsError, nearest

CATEGORIES: Mapping[str, int] = MappingProxyType({
    "simple_python": 400, "simple_java": 100, "simple_javascript": 50, "multiple": 200, "parallel": 200,
    "parallel_multiple": 200, "irrelevance": 240,
    "live_simple": 258, "live_multiple": 1053, "live_parallel": 16, "live_parallel_multiple": 24,
    "live_irrelevance": 884, "live_relevance": 16,
    "multi_turn_base": 200, "multi_turn_miss_func": 200, "multi_turn_miss_param": 200, "multi_turn_long_context": 200,
})  # fmt: skip
"""The number of entries of each category, in the order of a report. The wheel has all of them."""

MULTI_TURN = tuple(name for name in CATEGORIES if name.startswith("multi_turn"))
_LIVE = tuple(name for name in CATEGORIES if name.startswith("live"))
_NON_LIVE = tuple(name for name in CATEGORIES if name not in (*MULTI_TURN, *_LIVE))

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "non_live": _NON_LIVE,
    "live": _LIVE,
    "single_turn": (*_NON_LIVE, *_LIVE),
    "multi_turn": MULTI_TURN,
    "all_offline": tuple(CATEGORIES),
})  # fmt: skip

_NETWORK = "its tools search the web: it needs a SerpAPI key and network"
_AGENTIC = (
    "it belongs to the agentic part, which has no score without the categories that need the network; single turn and "
    "multi turn are evaluated here"
)
REFUSED: Mapping[str, str] = MappingProxyType({
    "web_search_base": _NETWORK,
    "web_search_no_snippet": _NETWORK,
    "memory_vector": "its simulator downloads a sentence encoder from the Hugging Face hub when it is imported",
    "memory_kv": _AGENTIC,
    "memory_rec_sum": _AGENTIC,
    "format_sensitivity": "it varies BFCL's own system prompt, which is not used here, and has no part in a score",
})  # fmt: skip
"""Per category, the reason why it is not evaluated."""

_REFUSED_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "web_search": ("web_search_base", "web_search_no_snippet"),
    "memory": ("memory_kv", "memory_vector", "memory_rec_sum"),
    "agentic": ("web_search_base", "memory_kv"),
    "all": ("web_search_base", "memory_vector", "format_sensitivity"),
    "all_scoring": ("web_search_base", "memory_vector"),
})  # fmt: skip
"""Examples of refused categories, per group of BFCL's own that contains some."""

_EMPTY_REQUIRED = "a required parameter has no accepted value"
_NOT_A_PARAMETER = "the answer demands a parameter that the function does not have"
_REQUIRED_MISSING = "a required parameter is missing from the answer"
_STRINGS = "the evaluator turns the elements of the list into strings, and the answer holds numbers and booleans"
_BARE_STRING = "the accepted value is a string in place of a list, and the evaluator accepts single letters of it alone"

UNSATISFIABLE: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "simple_java": MappingProxyType({
        "simple_java_36": _STRINGS, "simple_java_64": _BARE_STRING, "simple_java_65": _STRINGS,
    }),
    "live_simple": MappingProxyType({
        "live_simple_106-63-0": _EMPTY_REQUIRED, "live_simple_112-68-0": _EMPTY_REQUIRED,
    }),
    "live_multiple": MappingProxyType({
        "live_multiple_862-181-3": _NOT_A_PARAMETER, "live_multiple_964-207-0": _REQUIRED_MISSING,
    }),
})  # fmt: skip
"""Per category and entry, the reason why no sensible answer satisfies this version's evaluator. The entries count."""


def parse_categories(text: str) -> tuple[str, ...]:
    """Categories and groups, comma-separated, as categories in the order of a report.

    Raises:
        SettingsError: A category is unknown or refused, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SettingsError(f"no category is named; expected some of {_list(GROUPS)} or {_list(CATEGORIES)}")
    chosen = {category for name in names for category in _expand(name)}
    return tuple(category for category in CATEGORIES if category in chosen)


def is_irrelevance(category: str) -> bool:
    """Whether the right answer is to call nothing."""
    return category in ("irrelevance", "live_irrelevance")


def by_reason(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """The names that share a reason."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return names


def _expand(name: str) -> Iterable[str]:
    if name in CATEGORIES:
        return (name,)
    if name in GROUPS:
        return GROUPS[name]
    refused = _REFUSED_GROUPS.get(name, (name,) if name in REFUSED else ())
    if refused:
        because = by_reason({category: REFUSED[category] for category in refused})
        reasons = "; ".join(f"{' and '.join(categories)}: {reason}" for reason, categories in because.items())
        raise SettingsError(f"{name} is not evaluated. {reasons}. Evaluated are {_list(GROUPS)}, {_list(CATEGORIES)}")
    raise SettingsError(f"unknown category {name!r}.{nearest(name, [*CATEGORIES, *GROUPS, *REFUSED])}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
