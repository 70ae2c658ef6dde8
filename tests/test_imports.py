"""What may not be imported before a command needs it: ``gd2po`` and every help page answer at once."""

import json
import subprocess
import sys

HEAVY = {
    *("torch", "transformers", "tensordict", "verl", "ray", "hydra", "omegaconf", "transfer_queue"),
    *("numpy", "scipy", "pandas", "pyarrow", "datasets", "matplotlib", "tokenizers", "safetensors"),
    *("fastapi", "uvicorn", "httpx", "aiohttp", "openai", "wandb", "tensorboard"),
}

IMPORTED = """
import json, sys
import gd2po.cli, gd2po.defaults, gd2po.errors, gd2po.runs.process
found = {"import gd2po.cli": sorted(HEAVY & set(sys.modules))}
"""

PAGES = """
import typer
from typer.testing import CliRunner

def pages(command, path=()):
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from pages(child, (*path, name))

commands = typer.main.get_command(gd2po.cli.app)
for path in pages(commands):
    if path != ("train",):  # its arguments, --help too, are those of verl's command
        before = set(sys.modules)
        shown = CliRunner().invoke(gd2po.cli.app, [*path, "--help"])
        assert shown.exit_code == 0 and "Usage" in shown.output, (path, shown.output)
        found[" ".join(["gd2po", *path, "--help"])] = sorted(HEAVY & (set(sys.modules) - before))
"""


def heavy_modules(program: str) -> dict[str, list[str]]:
    """Per action of the program, the heavy modules that it was the first to import."""
    program = f"HEAVY = {HEAVY!r}\n{IMPORTED}{program}\nprint(json.dumps(found))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_neither_the_command_nor_a_help_page_imports_anything_heavy():
    found = heavy_modules(PAGES)
    assert len(found) > 15 and {"gd2po --help", "gd2po data get --help", "gd2po eval --help"} <= found.keys()
    assert {action: modules for action, modules in found.items() if modules} == {}


def test_what_is_imported_would_be_noticed():
    assert heavy_modules("import numpy; found['numpy'] = sorted(HEAVY & set(sys.modules))")["numpy"] == ["numpy"]
