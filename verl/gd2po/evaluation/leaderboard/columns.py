"""Which scores the table of a benchmark shows; rows are sorted by the first."""

from collections.abc import Sequence

from gd2po.evaluation.results import Summary

_GROUPS = ("micro", "lv1", "lv2", "lv3")


def headline(benchmark: str, summaries: Sequence[Summary]) -> list[str]:
    """Names of the scores that any of ``summaries`` has: a choice of them for API-Bank, else all, in their order."""
    names = list(dict.fromkeys(score.name for summary in summaries for score in summary.scores))
    return _api_bank(names) if benchmark == "api-bank" else names


def _api_bank(names: Sequence[str]) -> list[str]:
    """Both ways of counting, over all and per level; format and length over all, or per level where there is no all."""
    overall = _GROUPS[:1] if f"{_GROUPS[0]}/strict" in names else _GROUPS
    wanted = [f"{group}/{way}" for way in ("strict", "published") for group in _GROUPS]
    wanted += [f"{group}/{measure}" for measure in ("training_format", "length") for group in overall]
    return [name for name in wanted if name in names]
