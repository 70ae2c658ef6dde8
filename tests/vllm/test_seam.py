"""The symbols of verl that exist where vLLM is installed are as written, and wrapped."""

import pytest

from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.manifest import VLLM_SYMBOLS


@pytest.mark.parametrize("symbol", VLLM_SYMBOLS, ids=str)
def test_every_touched_symbol_is_as_written_and_wrapped(symbol):
    seam.resolve(symbol)
    assert seam.is_wrapped(symbol)
