"""Modules of other people: found by name and by path, imported once, refused with their cause."""

import sys
from unittest import mock

import pytest

from gd2po.advantages.registry import FILTERS
from gd2po.errors import SettingsError
from gd2po.plugins import load_plugins
from gd2po.settings import Settings

FILTER = """
from dataclasses import dataclass
from gd2po.advantages import register_filter

@dataclass(frozen=True)
class Options:
    least: float = 0.5

@register_filter("NAME", Options)
def mine(votes, options):
    return votes.snr >= options.least
"""


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    with mock.patch.dict(FILTERS._methods), mock.patch.dict(sys.modules):
        yield


def test_a_file_is_imported_once(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILTER.replace("NAME", "by_path"))
    load_plugins([str(path)])
    path.write_text("raise RuntimeError('imported again')")
    load_plugins([str(path)])
    assert FILTERS.find("by_path").option_names == ("least",)


def test_a_relative_path_is_the_same_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FILTER.replace("NAME", "relative"))
    monkeypatch.chdir(tmp_path)
    load_plugins(["mine.py"])
    (tmp_path / "mine.py").write_text("raise RuntimeError('imported again')")
    load_plugins([str(tmp_path / "mine.py")])


def test_settings_import_the_plugins_before_they_look_for_methods(tmp_path, monkeypatch):
    (tmp_path / "lab_of_test_plugins.py").write_text(FILTER.replace("NAME", "by_name"))
    monkeypatch.syspath_prepend(tmp_path)
    block = {
        "estimator": "gd2po",
        "plugins": ["lab_of_test_plugins"],
        "rewards": {"a": {}},
        "filter": {"kind": "by_name", "least": 0.25},
    }
    settings = Settings.parse(block)
    assert settings.filter.options.least == 0.25
    assert settings.resolved()["filter"] == {"kind": "by_name", "least": 0.25}
    assert Settings.parse(settings.resolved()) == settings
    with pytest.raises(SettingsError, match=r"algorithm\.gd2po\.filter\.least: found 'much'"):
        Settings.parse(block | {"filter": {"kind": "by_name", "least": "much"}})


@pytest.mark.parametrize(
    ("content", "named", "message"),
    [
        (None, "{}/gone.py", r"there is no file .*gone\.py; give the path of a \.py file"),
        (None, "no_such_lab.methods", r"no module 'no_such_lab\.methods' \(no 'no_such_lab' .*PYTHONPATH"),
        ("import nothing_like_it", "{}/mine.py", r"mine\.py fails with ModuleNotFoundError: No module named 'nothing_"),
        ("1 / 0", "{}/mine.py", r"the import of .*mine\.py fails with ZeroDivisionError: division by zero; mend"),
        ("import nothing_like_it", "mine_of_test_plugins", r"the import of mine_of_test_plugins fails with ModuleNot"),
        (FILTER.replace("NAME", "hard"), "{}/mine.py", r"conflict filter 'hard' is already registered, by gd2po\."),
    ],
)
def test_what_cannot_be_imported_is_refused(tmp_path, monkeypatch, content, named, message):
    monkeypatch.syspath_prepend(tmp_path)
    if content is not None:
        (tmp_path / "mine.py").write_text(content)
        (tmp_path / "mine_of_test_plugins.py").write_text(content)
    for _ in range(2):  # the second attempt tells the same
        with pytest.raises(SettingsError, match=message):
            load_plugins([named.format(tmp_path)])


@pytest.mark.parametrize("modules", ["my_lab", [1], {"my_lab": 1}])
def test_plugins_are_a_list_of_names(modules):
    with pytest.raises(SettingsError, match=r"algorithm\.gd2po\.plugins is .*expected a list of modules"):
        load_plugins(modules)
