"""The methods of the lab: all that is registered, by the settings that a user writes."""

import pytest
import yaml

from gd2po.advantages import combination_names, estimator_names, filter_names, normaliser_names
from gd2po.errors import SettingsError
from gd2po.lab.methods import METHODS, PUBLISHED, REFERENCE, ROUNDS, find_methods
from gd2po.lab.rules import ALWAYS, CANDIDATES
from gd2po.lab.trainings import MOST_TELLING
from gd2po.paths import config_dir
from gd2po.settings import Settings


def used(part):
    return {method.settings[part]["kind"] for method in METHODS.values() if part in method.settings}


def test_every_registered_part_is_in_a_method():
    assert set(normaliser_names()) <= used("normalise") | {"group_std"}
    assert set(filter_names()) <= used("filter") | {"none"}
    assert set(combination_names()) <= used("combine") | {"sum"}
    assert set(estimator_names()) <= {method.settings["estimator"] for method in METHODS.values()}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_settings_are_those_of_a_user(method):
    Settings.parse({**method.settings, "rewards": {"a": {"weight": 1.0}, "b": {"weight": 1.0}}})
    assert method.contradiction() is None and method.title


def test_presets_have_the_settings_of_their_files():
    for name in ("grpo", "gdpo", "gd2po_hard", "gdpo_floored", "gdpo_shrunk", "gd2po_guard"):
        folder = config_dir("tool-calling").parents[1] / "verl" / "gd2po" / "configs" / "method"
        algorithm = yaml.safe_load((folder / f"{name}.yaml").read_text())["algorithm"]
        assert METHODS[name].settings == {"estimator": algorithm["adv_estimator"], **algorithm.get("gd2po", {})}


def test_lists_of_methods_name_methods():
    for names in (PUBLISHED, (REFERENCE,), *ROUNDS, CANDIDATES, ALWAYS, MOST_TELLING):
        assert set(names) <= METHODS.keys()
    assert REFERENCE in CANDIDATES and all(METHODS[name].most_seeds is None for name in CANDIDATES)


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="gdpo_floored"):
        find_methods(["gdpo_flored"])
    assert [method.name for method in find_methods(["grpo"])] == ["grpo"] and len(find_methods([])) == len(METHODS)
