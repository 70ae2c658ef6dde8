"""Which categories can be asked for, and what is said about the others."""

import pytest

from gd2po.errors import SettingsError
from gd2po.evaluation.bfcl.categories import CATEGORIES, GROUPS, REFUSED, UNSATISFIABLE, parse_categories


def test_the_groups_have_their_published_sizes():
    sizes = {group: sum(CATEGORIES[name] for name in names) for group, names in GROUPS.items()}
    assert sizes == {"non_live": 1390, "live": 2251, "single_turn": 3641, "multi_turn": 800, "all_offline": 4441}


def test_names_and_groups_come_out_once_and_in_order():
    assert parse_categories("live_relevance, non_live,simple_python") == (*GROUPS["non_live"], "live_relevance")


@pytest.mark.parametrize("name", [*REFUSED, "web_search", "memory", "agentic", "all", "all_scoring"])
def test_what_is_not_evaluated_is_refused_with_a_reason(name):
    with pytest.raises(SettingsError, match=f"{name} is not evaluated") as refusal:
        parse_categories(f"simple_python,{name}")
    assert any(reason in str(refusal.value) for reason in REFUSED.values())


def test_the_network_is_named_as_the_reason():
    with pytest.raises(SettingsError, match="SerpAPI key and network"):
        parse_categories("web_search_base")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'multi_turn_base'"):
        parse_categories("multiturn_base")


def test_no_name_is_refused():
    with pytest.raises(SettingsError, match="no category is named"):
        parse_categories(" ,")


def test_unsatisfiable_entries_belong_to_their_category():
    assert all(id.startswith(f"{category}_") for category, ids in UNSATISFIABLE.items() for id in ids)
