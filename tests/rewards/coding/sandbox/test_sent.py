"""The modules that are sent into a sandbox are all that it needs, in an order in which they can be imported."""

import ast
import sys
from pathlib import Path

from gd2po.rewards.coding.sandbox import inside
from gd2po.rewards.coding.sandbox.sent import sources


def imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_every_module_of_the_folder_is_sent():
    modules = {path.stem for path in Path(inside.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name.rpartition(".")[2] for name, _ in sources("runner")} == modules


def test_a_module_imports_none_but_pythons_own_and_those_before_it():
    before = set()
    for name, source in sources("runner"):
        assert {
            module for module in imported(source) if module.partition(".")[0] not in sys.stdlib_module_names
        } <= before
        before.add(name)
