"""A symbol of a host against its row."""

import json

import pytest

from gd2po.errors import HostError
from gd2po.hosts.symbols import HostSymbol, find_symbol


def test_a_symbol_as_written_is_returned():
    assert find_symbol(json, "json:JSONDecoder.decode", "self *") is json.JSONDecoder.decode
    assert find_symbol(json, "json:JSONDecoder.decode", "self s _w") is json.JSONDecoder.decode
    assert find_symbol(json, "json:JSONDecodeError", None) is json.JSONDecodeError


@pytest.mark.parametrize(
    ("symbol", "parameters", "change"),
    [
        ("json:JSONDecoder.decod", None, "is not there"),
        ("json:JSONDecode.decode", None, "is not there"),
        ("json:JSONDecoder.decode", "self s", r"has the parameters \('self', 's', '_w'\), expected \('self', 's'\)"),
        ("json:JSONDecoder.decode", "self t *", r"has the parameters \('self', 's'\), expected \('self', 't'\)"),
    ],
)
def test_what_has_changed_is_told(symbol, parameters, change):
    with pytest.raises(HostError, match=f"^{change}$"):
        find_symbol(json, symbol, parameters)


def test_a_row_reads_as_its_symbol():
    assert str(HostSymbol(symbol="json:loads", parameters=None, what="read", why="it reads")) == "json.loads"
