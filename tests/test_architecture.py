"""The imports of every file, those inside functions too, against the floors of docs/architecture.md."""

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "verl" / "gd2po"
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
VERL_ALONE = {"verl", "ray", "transfer_queue"}
_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \|", re.MULTILINE)


def floors(section: str) -> dict[str, int]:
    """Room → floor, from the table of a section of the document."""
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    text = re.split(r"^## ", document, flags=re.MULTILINE)
    (table,) = [part for part in text if part.startswith(section)]
    return {room: int(number) for number, rooms in _ROW.findall(table) for room in re.findall(r"`(\w+)`", rooms)}


def imports(module: str, source: str, known: Mapping[str, object] = FILES) -> Iterator[str]:
    """Every module that a file imports, anywhere but under ``TYPE_CHECKING``; from our packages, the exact file."""
    tree = ast.parse(source)
    only_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in only_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else str(node.module)


GRAPH = {module: set(imports(module, path.read_text(encoding="utf-8"))) for module, path in FILES.items()}


def climbs(graph: Mapping[str, set[str]], prefix: str, floor_of: Mapping[str, int]) -> list[str]:
    """Imports that lead to the same floor or a higher one, between rooms below ``prefix``."""

    def room(module: str) -> str:
        return module.removeprefix(f"{prefix}.").split(".")[0]

    return [
        f"{module} imports {target}"
        for module, targets in graph.items()
        for target in sorted(targets)
        if module.startswith(f"{prefix}.") and target.startswith(f"{prefix}.")
        if room(module) != room(target) and floor_of[room(module)] <= floor_of[room(target)]
    ]


@pytest.mark.parametrize(
    ("prefix", "section"), [("gd2po", "Floors"), ("gd2po.hosts.verl", "The rooms of `hosts/verl`")]
)
def test_every_import_leads_to_a_lower_floor(prefix, section):
    floor_of = floors(section)
    rooms = {module.removeprefix(f"{prefix}.").split(".")[0] for module in FILES if module.startswith(f"{prefix}.")}
    assert rooms == floor_of.keys()  # every room has a floor, and no floor an empty room
    assert climbs(GRAPH, prefix, floor_of) == []


def test_files_import_each_other_in_no_circle():
    graph = {module: targets & FILES.keys() - {module} for module, targets in GRAPH.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def test_only_the_room_of_verl_imports_verl():
    found = {
        module: sorted(names)
        for module, targets in GRAPH.items()
        if not module.startswith("gd2po.hosts.verl")
        if (names := {target.split(".")[0] for target in targets} & VERL_ALONE)
    }
    assert found == {}


def test_only_the_rooms_of_hosts_import_hydra():
    importers = {module for module, targets in GRAPH.items() if "hydra" in {target.split(".")[0] for target in targets}}
    assert {".".join(module.split(".")[:2]) for module in importers} == {"gd2po.hosts"}


def test_only_the_room_of_trl_imports_trl():
    importers = {module for module, targets in GRAPH.items() if "trl" in {target.split(".")[0] for target in targets}}
    assert importers == {"gd2po.hosts.trl.trainer"}


def test_a_late_import_to_a_higher_floor_would_be_noticed():
    source = "def late():\n    from gd2po.insight.check import examine\n"
    graph = {"gd2po.rewards.new": set(imports("gd2po.rewards.new", source))}
    assert climbs(graph, "gd2po", floors("Floors")) == ["gd2po.rewards.new imports gd2po.insight.check.examine"]
