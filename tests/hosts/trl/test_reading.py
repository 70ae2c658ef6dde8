"""Settings as a mapping and as files, and TRL's own settings beside ours."""

import pytest

from gd2po.errors import SettingsError
from gd2po.hosts.trl.reading import read_settings, refuse_trl_settings
from gd2po.runs.files import save_settings

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

from trl import GRPOConfig

BLOCK = {"estimator": "gdpo", "rewards": {"a": {"weight": 2.0}, "b": {"direction": "minimize"}}}


def test_a_block_and_its_files_say_the_same(tmp_path):
    settings = read_settings(BLOCK)
    plain, verl = tmp_path / "plain.yaml", tmp_path / "verl.yaml"
    plain.write_text("estimator: gdpo\nrewards: {a: {weight: 2.0}, b: {direction: minimize}}\n")
    verl.write_text(
        "algorithm: {adv_estimator: gdpo, gd2po: {rewards: {a: {weight: 2.0}, b: {direction: minimize}}}}\ndata: {}\n"
    )
    save_settings(tmp_path, settings)
    for same in (settings, plain, str(verl), tmp_path / "gd2po_settings.json"):
        assert read_settings(same) == settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rewards": {"a": {"wieght": 1}}}, "algorithm.gd2po.rewards.a.wieght: unknown setting. Did you mean 'weight'"),
        ({"rewards": {}}, "no reward is declared"),
        ("missing.yaml", "missing.yaml is not there"),
        ([1], "settings holds list; expected a mapping"),
    ],
)
def test_wrong_settings_are_refused_with_the_words_of_the_schema(settings, words):
    with pytest.raises(SettingsError, match=words):
        read_settings(settings)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reward_weights", [1.0, 2.0]),
        ("scale_rewards", "batch"),
        ("scale_rewards", False),
        ("multi_objective_aggregation", "normalize_then_sum"),
    ],
)
def test_settings_of_trl_that_ours_replace_are_refused(field, value, tmp_path):
    stock = GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False)
    refuse_trl_settings(stock)
    args = GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **{field: value})
    with pytest.raises(SettingsError, match=rf"GRPOConfig.{field} is .*of algorithm.gd2po.* wins?; set .*remove this"):
        refuse_trl_settings(args)
