"""The reward function is loaded and bound before Ray starts, whatever kind it is of."""

import re

import pytest

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.reward_function import load_reward_function

TAKES = "(data_source, solution_str, ground_truth, extra_info=None)"
KINDS = {
    "plain": f"def score{TAKES}: return {{}}",
    "keywords": "def score(solution_str, **kwargs): return {}",
    "asynchronous": f"async def score{TAKES}: return {{}}",
    "instance": f"class Score:\n    def __call__(self, {TAKES[1:]}: return {{}}\nscore = Score()",
    "partial": f"import functools\ndef f(scale, {TAKES[1:]}: return {{}}\nscore = functools.partial(f, 2.0)",
    "decorated": f"import functools\ndef f{TAKES}: return {{}}\n@functools.wraps(f)\n"
    "def score(*a, **k): return f(*a, **k)",
    "lambda": "score = lambda data_source, solution_str, ground_truth, extra_info: {}",
    "method": f"class Score:\n    def f(self, {TAKES[1:]}: return {{}}\nscore = Score().f",
}


@pytest.fixture
def load(verl_config, tmp_path):
    """Load the reward function from a file with this text."""

    def run(text: str, *overrides: str, name: str = "score"):
        path = tmp_path / "rewards.py"
        path.write_text(text)
        function = [f"reward.custom_reward_function.{key}={value}" for key, value in (("path", path), ("name", name))]
        return load_reward_function(verl_config(*function, *overrides))

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_takes_verls_arguments_is_accepted(load, kind):
    assert callable(load(KINDS[kind]))


def test_a_run_without_one_of_its_own_has_none(verl_config):
    assert load_reward_function(verl_config()) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def score(prompt, completion): return 1", "score(prompt, completion) in .*rewards.py cannot be called"),
        ("def score(solution_str, ground_truth): return 1", "unexpected keyword argument 'data_source'"),
        ("def score(data_source, solution_str, ground_truth): return 1", "argument 'extra_info'"),
        ("def score(data_source, solution_str, truth, extra_info=None): return 1", "argument: 'truth'"),
        ("async def score(completions, **kwargs): return 1", "argument: 'completions'"),
        ("class score:\n    def __call__(self, **k): return 1", "score in .* is a class.*score = score()"),
        ("def score(**k): yield 1", "is a generator; return a dict"),
        ("score = {'a': 1}", "score in .* is dict, which cannot be called"),
        ("def scores(**k): return 1", "name is 'score', which .* does not have. Did you mean 'scores'?"),
        ("def score(**k)\n    return 1", "cannot be imported: SyntaxError: .*rewards.py:1"),
        ("x = 1\nimport no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (.*rewards.py:2)"),
        ("\n\nraise SystemExit(3)", "cannot be imported: SystemExit: 3 (.*rewards.py:3)"),
        ("open('/no/such/file')", "FileNotFoundError: .*/no/such/file.*rewards.py:1"),
    ],
)
def test_what_cannot_be_called_is_refused_with_what_to_write(load, text, message):
    with pytest.raises(SettingsError, match=message.replace("(", r"\(").replace(")", r"\)")) as refused:
        load(text)
    assert "\n" not in str(refused.value)


def test_the_signature_to_write_is_complete(load):
    with pytest.raises(SettingsError) as refused:
        load("def score(x): return 1", "+reward.custom_reward_function.reward_kwargs={scale: 2}")
    line = "Write def score(data_source, solution_str, ground_truth, extra_info=None, scale, **kwargs)"
    assert line.replace("None, scale", "None, scale=None") in str(refused.value)


def test_its_own_keywords_are_bound_too(load):
    unknown = "+reward.custom_reward_function.reward_kwargs={scale: 2}"
    assert load(f"def score{TAKES[:-1]}, scale=1): return 1", unknown)
    with pytest.raises(SettingsError, match="unexpected keyword argument 'scale'"):
        load(KINDS["plain"], unknown)


def test_the_remote_manager_takes_no_asynchronous_function(load):
    assert load(KINDS["plain"], "reward.reward_manager.name=remote")
    with pytest.raises(SettingsError, match=r"is asynchronous, and reward\.reward_manager\.name=remote"):
        load(KINDS["asynchronous"], "reward.reward_manager.name=remote")


def test_a_file_that_is_not_there_is_named(verl_config):
    with pytest.raises(SettingsError, match=re.escape("there is no file absent.py (from ")):
        load_reward_function(verl_config("reward.custom_reward_function.path=absent.py"))
