"""The symbols of verl that exist where vLLM is installed are as written, and wrapped."""

import pytest

from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.manifest import WRAPPED


@pytest.mark.parametrize("row", [row for row in WRAPPED if row.place == "vllm"], ids=str)
def test_every_touched_symbol_of_vllm_is_as_written_and_wrapped(row):
    seam.require_wrapped(row)  # must not raise
