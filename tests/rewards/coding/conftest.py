"""Sandboxes for the tests: where none can be made, tests are skipped with the reason, or fail where one is expected."""

import os

import pytest

from gd2po.errors import SettingsError
from gd2po.rewards.coding.sandbox.processes import Bubblewrap


@pytest.fixture(scope="session")
def sandbox():
    made = Bubblewrap()
    try:
        made.check()
    except SettingsError as error:
        if os.environ.get("GD2PO_EXPECT_SANDBOX"):
            raise
        pytest.skip(str(error))
    return made
