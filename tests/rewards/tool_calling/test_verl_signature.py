"""compute_score as verl calls it: keyword arguments, reward_kwargs as YAML gives them, errors that name the row."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from gd2po.errors import SettingsError
from gd2po.rewards.tool_calling import GroundTruthError, compute_score

GOLD = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
ROW = {"split": "train", "index": 7}


def call(response: str = GOLD, truth: str = GOLD, extra_info: dict | None = None, **options: object) -> dict:
    return compute_score("rlla", response, truth, ROW if extra_info is None else extra_info, **options)


def test_all_three_are_reported_by_name() -> None:
    assert call(GOLD.replace(" t ", " t" * 256)) == {"correctness": 3, "format": 1, "length": 0.5}


def test_options_arrive_as_omegaconf_gives_them() -> None:
    options = dict(OmegaConf.create({"correctness_range": [-1, 1], "target_words": 4}))
    assert call(**options) == {"correctness": 1, "format": 1, "length": 0.25}


def test_schedules_follow_global_steps() -> None:
    ranges = [call(extra_info=ROW | {"global_steps": step}, reward_schedule="two_stage") for step in (0, 30)]
    assert [(scores["correctness"], scores["format"]) for scores in ranges] == [(1, 1), (3, 0.5)]


@pytest.mark.parametrize("extra_info", [{}, ROW, {"global_steps": None}])
@pytest.mark.parametrize("option", [{"reward_schedule": "linear"}, {"length_schedule": "linear"}])
def test_a_schedule_without_a_step_is_refused(extra_info: dict, option: dict) -> None:
    with pytest.raises(SettingsError, match="no training step arrived"):
        call(extra_info=extra_info, **option)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"matchin": "coarse"}, "'matchin'.*Did you mean 'matching'"),
        ({"step": 3}, "no option 'step'"),
        ({"matching": "fuzzy"}, "matching is 'fuzzy'"),
        ({"reward_schedule": "lineer"}, "Did you mean 'linear'"),
        ({"correctness_range": [3, -3]}, "low < high"),
        ({"format_range": 1.0}, "two finite numbers"),
        ({"length_range": [0, float("inf")]}, "two finite numbers"),
        ({"target_words": 0}, "above 0"),
        ({"target_words": "many"}, "above 0"),
    ],
)
def test_a_bad_option_names_itself_and_the_remedy(options: dict, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        call(**options)


def test_a_bad_ground_truth_names_its_row() -> None:
    with pytest.raises(GroundTruthError, match=r"train row 7: .*never closes"):
        call(truth="<tool_call>")
    with pytest.raises(GroundTruthError, match="unknown split row of unknown index"):
        compute_score("rlla", GOLD, "72")


def test_the_standard_library_is_all_it_needs() -> None:
    program = "import sys, gd2po.rewards.tool_calling; print(sorted({'torch', 'verl', 'numpy'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
