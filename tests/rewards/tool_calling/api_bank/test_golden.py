"""Every recorded score of the published scorer."""

import json
import re
from pathlib import Path

import pytest

from gd2po.rewards.tool_calling.api_bank.scoring import score

FIXTURE = json.loads((Path(__file__).parent / "golden" / "api_bank.json").read_text(encoding="utf-8"))
SCORES = ("published_correct", "published_format", "length", "think_words")


def expand(text: str) -> str:
    return re.sub(r"⟨(\d+) words⟩", lambda match: " ".join(["word"] * int(match[1])), text)


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=range(len(FIXTURE["cases"])))
def test_recorded_scores(case: list) -> None:
    recorded = dict(zip(FIXTURE["columns"], case, strict=True))
    scores = score(expand(recorded["output"]), {"answer": recorded["answer"], "system": ""})
    assert {name: scores[name] for name in SCORES} == {name: recorded[name] for name in SCORES}
