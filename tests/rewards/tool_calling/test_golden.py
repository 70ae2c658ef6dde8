"""Every recorded score of the published scorer, and the worked examples of its rules."""

import json
import re
from pathlib import Path

import pytest

from gd2po.rewards.tool_calling import ToolCallingOptions, score

FIXTURE = json.loads((Path(__file__).parents[1] / "golden" / "tool_rewards.json").read_text(encoding="utf-8"))


def expand(text: str) -> str:
    return re.sub(r"⟨(\d+) words⟩", lambda match: " ".join(["word"] * int(match[1])), text)


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=range(len(FIXTURE["cases"])))
def test_recorded_scores(case: list) -> None:
    recorded = dict(zip(FIXTURE["columns"], case, strict=True))
    scores = score(expand(recorded["response"]), recorded["ground_truth"])
    assert {name: round(value, 6) for name, value in scores.items()} == {
        name: recorded[name] for name in ("correctness", "format", "length")
    }


def call(name: str, **parameters: object) -> str:
    return json.dumps({"name": name, "parameters": parameters})


def tools(*lines: str, words: int = 1) -> str:
    return "\n".join([f"<think> {'word ' * words}</think>", "<tool_call>", *lines, "</tool_call>"])


NEWS = call("GetNews", page="1")
FILES = call("find_files", directory="/user/code", extension=".py")
VALID = call("is_valid", s="{(hello)}")
ANSWER = "<response> fine </response>"
GT1, GT2, GTR = tools(NEWS), tools(FILES, VALID), f"<think> word </think>\n{ANSWER}"
GTB = f"{GT1}\n{ANSWER}"
F1, F12 = call("f", a=1), call("f", a=1, b=2)
GTS = tools(F1, F12)

WORKED = {  # name: response, ground truth, (format, correctness, length)
    "A": (tools(NEWS), GT1, (1, 3, 0)),
    "A2": (tools(NEWS, words=256), GT1, (1, 3, 0.5)),
    "A3": (tools(NEWS, words=600), GT1, (1, 3, 1)),
    "B": (tools(call("GetNews", page="2")), GT1, (1, 1, 0)),
    "B int": (tools(call("GetNews", page=1)), GT1, (1, 1, 0)),
    "C": (tools(call("GetNews", pg="1")), GT1, (1, -1, 0)),
    "C empty": (tools(call("GetNews")), GT1, (1, -1, 0)),
    "C2": (tools(call("GetNews", page="1", lang="en")), GT1, (1, 2, 0)),
    "D": (tools(call("News", page="1")), GT1, (1, -3, 0)),
    "E": (tools(NEWS, NEWS), GT1, (1, 2, 0)),
    "E other": (tools(NEWS, call("Foo", x=1)), GT1, (1, 2, 0)),
    "F": (tools(FILES), GT2, (1, 0.5, 0)),
    "F2": (tools(VALID, FILES), GT2, (1, 3, 0)),
    "F3": (tools(FILES, call("is_valid", s="no")), GT2, (1, 2, 0)),
    "G": (f"<think> one two three </think>\n{ANSWER}", GT1, (0, -3, 0.01)),
    "H one bad line": (tools(NEWS, '{"name": '), GT1, (1, -3, 0)),
    "H pretty": (tools(json.dumps(json.loads(NEWS), indent=1)), GT1, (1, -3, 0)),
    "H array": (tools(f"[{NEWS}]"), GT1, (1, -3, 0)),
    "H arguments": (tools(NEWS.replace("parameters", "arguments")), GT1, (1, -3, 0)),
    "H4": (tools(FILES, "", VALID), GT2, (1, -3, 0)),
    "I": (f"<think>{'word ' * 10}</think>\n{ANSWER}", GTR, (1, 0, 0.02)),
    "I2": (tools(NEWS), GTR, (0, 0, 0)),
    "I3": (f"<think>{'word ' * 10}</think>{ANSWER}", GTR, (0, 0, 0.02)),
    "J": (f"{tools(NEWS)}\n{ANSWER}", GTB, (1, 3, 0)),
    "J2": (f"{tools(NEWS)}\n{ANSWER}", GT1, (0, 3, 0)),
    "M": ("", GT1, (0, -3, 0)),
    "N": (f"{tools(NEWS)} and more words", GT1, (0, 3, 0)),
    "R": (tools(NEWS).removesuffix("</tool_call>"), GT1, (0, -3, 0)),
    "S": (tools(call("f", a=1, b=9), F12), GTS, (1, 2.5, 0)),
    "S2": (tools(F12, call("f", a=1, b=9)), GTS, (1, 1.5, 0)),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_example(name: str) -> None:
    response, truth, (form, correct, length) = WORKED[name]
    assert score(response, truth) == pytest.approx({"correctness": correct, "format": form, "length": length}, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "correct"),
    [
        ("B", {"correctness_range": (-1.0, 1.0)}, 1 / 3),
        ("C", {"correctness_range": (-1.0, 1.0)}, -1 / 3),
        ("B", {"matching": "coarse"}, -3),
        ("A", {"matching": "coarse"}, 3),
        ("F2", {"matching": "coarse"}, -3),
        ("B", {"matching": "intermediate"}, 0),
        ("F", {"matching": "intermediate"}, 0),
        ("F", {"matching": "refined"}, 0),
        ("C2", {"matching": "refined"}, 1),
    ],
)
def test_worked_variant(name: str, options: dict, correct: float) -> None:
    response, truth, _ = WORKED[name]
    assert score(response, truth, ToolCallingOptions(**options))["correctness"] == pytest.approx(correct, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "step", "name", "form", "correct"),
    [
        ("two_stage", 0, "A", 1, 1),
        ("two_stage", 29, "A", 1, 1),
        ("two_stage", 30, "A", 0.5, 3),
        ("linear", 0, "A", 2, 2),
        ("linear", 75, "A", 1.5, 2.5),
        ("linear", 150, "A", 1, 3),
        ("linear", 400, "A", 1, 3),
        ("linear", 0, "M", -2, -2),
        ("linear", 75, "M", -1, -2.5),
        ("linear", 150, "M", -1, -3),
    ],
)
def test_worked_reward_schedule(schedule: str, step: int, name: str, form: float, correct: float) -> None:
    response, truth, _ = WORKED[name]
    scores = score(response, truth, ToolCallingOptions(reward_schedule=schedule, step=step))
    assert (scores["format"], scores["correctness"]) == pytest.approx((form, correct), abs=1e-9)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.67), (105, 0.40)])
def test_worked_length_schedule(step: int, expected: float) -> None:
    options = ToolCallingOptions(length_schedule="linear", step=step)
    assert score(tools(NEWS, words=256), GT1, options)["length"] == expected
