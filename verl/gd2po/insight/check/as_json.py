"""Evidence and verdict as JSON."""

import dataclasses
import json
import math
from typing import Any

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.verdict import Verdict
from gd2po.intervals import Interval

FORMAT = "gd2po check 2"


def to_json(evidence: Evidence, verdict: Verdict) -> str:
    """One object; shares are between 0 and 1, intervals are 95 %, and what has no value is null."""
    content = {"format": FORMAT, "verdict": _plain(verdict), "evidence": _plain(evidence)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Interval):
        return {name: _plain(end) for name, end in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
