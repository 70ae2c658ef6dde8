"""Rewards from whatever file a training leaves or starts from."""

import json

import pytest

from gd2po.errors import SettingsError
from gd2po.evaluation.safety.declared import identity, model_of, read_rewards

HELPFUL = {"model": {"path": "org/helpful", "measures": "helpfulness"}}
COST = {"direction": "minimize", "weight": 0.5, "model": {"path": "org/cost", "measures": "safety"}}


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="rewards.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


@pytest.mark.parametrize("wrap", [
    lambda rewards: rewards,
    lambda rewards: {"rewards": rewards},
    lambda rewards: {"estimator": "gd2po", "rewards": rewards, "filter": {"kind": "hard"}},
    lambda rewards: {"run": {"rewards": "pair"}, "algorithm": {"gd2po": {"rewards": rewards}}},
])  # fmt: skip
def test_rewards_are_found_where_a_training_has_them(wrap, write):
    rewards = read_rewards(write(wrap({"helpful": HELPFUL, "cost": COST, "short": {"weight": 0.1}})))
    assert list(rewards.models) == ["helpful", "cost"] and rewards.left_out == ("short",)
    assert rewards.models["cost"].direction == "minimize" and model_of(rewards.models["helpful"]).path == "org/helpful"


def test_the_shipped_reward_sets_can_be_read(request):
    shipped = sorted((request.config.rootpath / "safe-alignment" / "config" / "rewards").glob("*.yaml"))
    assert shipped
    for file in shipped:
        assert read_rewards(file).models


def test_a_path_can_be_named_on_the_command_line(write):
    open_path = {"helpful": HELPFUL | {"model": HELPFUL["model"] | {"path": "???"}}}
    with pytest.raises(SettingsError, match=r"--reward-path helpful=PATH"):
        read_rewards(write(open_path))
    rewards = read_rewards(write(open_path), ["helpful=/models/a=b"])
    assert rewards.models["helpful"].model.path == "/models/a=b"
    with pytest.raises(SettingsError, match=r"'helpfull=x' names no reward's path.*Did you mean 'helpful'\?"):
        read_rewards(write(open_path), ["helpfull=x"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"a": {}}, "none of the rewards a has a model"),
        ([1, 2], "holds no rewards; expected name"),
        ({"a": 1}, "holds no rewards; expected name"),
        ("a: [", "is neither YAML nor JSON"),
        ({"a": HELPFUL | {"wieght": 1}}, r"wieght: unknown setting\. Did you mean 'weight'\?"),
        ({"a": {"model": {"path": "x"}}}, r"rewards\.a\.model\.measures: missing"),
        ({"a": {"model": {"path": "${oc.env:X}", "measures": "other"}}}, r"--reward-path a=PATH"),
    ],
)
def test_a_mistake_is_named(content, says, write):
    with pytest.raises(SettingsError, match=says):
        read_rewards(write(content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match="there is no such file"):
        read_rewards(tmp_path / "absent.yaml")


def test_a_model_served_here_is_asked_as_our_server_answers(reward):
    assert model_of(reward(engine="sglang")).engine is None
    at_a_server = reward(engine="sglang", placement="server", url=["http://h:1"])
    assert model_of(at_a_server).engine == "sglang"


def test_identity_follows_what_decides_a_score_and_nothing_else(reward, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"one")
    at = {"path": str(model)}
    cache = tmp_path / "cache.json"
    known = identity(reward(**at), cache)
    assert identity(reward(**at, timeout=3, gpu_memory=0.9, on_failure="not_scored"), cache) == known
    others = [reward("minimize", **at), reward(**at, max_length=9), reward(**at, prompt="full"), reward()]
    (model / "model.safetensors").write_bytes(b"three")
    identities = {identity(other, cache) for other in [*others, reward(**at)]}
    assert len(identities) == 5 and known not in identities
