"""Each benchmark explains itself, is in the README and in run_all.sh; results are kept, compared and shown."""

import argparse
import functools
import importlib
import importlib.metadata
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"
SHARED = {"cpu_rollout_vllm", "gpu_policy", "hosts_trl", "loops", "plugin_time", "pollers", "quickstart_run", "results"}
SHARED |= {"verl_engine"}
TOOLS = {"compare", "actor_gradients"}  # the latter has its test in tests/hosts/verl/step/test_skipping.py
BENCHMARKS = sorted({path.stem for path in FOLDER.glob("*.py")} - SHARED - TOOLS)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a file of the folder as a script there would; it is forgotten after the test."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in [*BENCHMARKS, *SHARED, *TOOLS]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module


def run(name: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture
def script(load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a file as `python benchmarks/NAME.py ARGUMENTS` would, without another import of torch."""

    def start(name: str, *arguments: object) -> None:
        path = str(FOLDER / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        runpy.run_path(path, run_name="__main__")

    return start


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for a busy core cost more than they give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", [*BENCHMARKS, *sorted(TOOLS)])
def test_it_explains_itself_and_is_in_the_readme(
    name: str, script: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        script(name, "--help")
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"python benchmarks/{name}.py" in said
    assert f"python benchmarks/{name}.py" in (FOLDER / "README.md").read_text()
    assert ("--json JSON" in said) == (name in BENCHMARKS)


def test_run_all_runs_every_benchmark_and_nothing_else() -> None:
    lines = (FOLDER / "run_all.sh").read_text().splitlines()
    assert sorted(line.split()[1] for line in lines if line.startswith("run ")) == BENCHMARKS


def test_no_file_hides_an_installed_package() -> None:
    installed = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()}
    assert not installed & {path.stem for path in FOLDER.glob("*.py")}


def test_results_of_several_benchmarks_share_a_file(load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    results, path = load("results"), tmp_path / "new" / "all.json"
    results.save("one", [{"case": "a", "update_s": results.spread([3.0, 1.0, 2.0])}], path)
    results.save("two", [{"case": "a", "ratio": 0.5}], path)
    found = json.loads(path.read_text())
    assert found["one"]["rows"] == [{"case": "a", "update_s": {"median": 2.0, "min": 1.0, "max": 3.0, "n": 3}}]
    assert found["two"]["machine"]["versions"]["torch"] == torch.__version__
    assert found["two"]["machine"]["cores"] >= 1


@pytest.mark.parametrize("rows", [[{"ratio": 1.0}], [{"case": "a"}, {"case": "a"}]])
def test_rows_without_their_own_case_are_refused(load: Callable[[str], ModuleType], rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="each needs its own"):
        load("results").save("one", rows, None)


def write(path: Path, seconds: list[float], ratio: float) -> Path:
    spread = {"median": sorted(seconds)[1], "min": min(seconds), "max": max(seconds), "n": 3}
    machine = {"commit": path.stem, "cpu": "some processor", "gpu": None, "load_average": [0.5, 0.4, 0.3]}
    rows = [{"case": "kept 0.50", "engine": "fsdp2", "update_s": spread, "ratio": ratio}]
    path.write_text(json.dumps({"update": {"machine": machine, "rows": rows}}))
    return path


def test_two_files_are_compared_row_by_row(tmp_path: Path) -> None:
    old = write(tmp_path / "aaa111.json", [4.0, 4.1, 4.2], 0.5)
    new = write(tmp_path / "bbb222.json", [2.0, 2.05, 2.1], 0.5)
    done = run("compare", old, new)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[3]: line.split() for line in done.stdout.splitlines() if "update: kept 0.50" in line}
    assert lines["update_s"][-2:] == ["0.5", "apart"]
    assert lines["ratio"][-1] == "1"
    assert "engine" not in lines  # text has no ratio
    assert "aaa111" in done.stdout and "bbb222" in done.stdout and done.stderr == ""


def test_comparison_names_what_only_one_file_has(tmp_path: Path) -> None:
    old = write(tmp_path / "old.json", [1.0, 1.0, 1.0], 0.5)
    new = tmp_path / "new.json"
    new.write_text(old.read_text().replace("kept 0.50", "kept 0.25"))
    done = run("compare", old, new)
    assert "only in old: update / kept 0.50 / update_s" in done.stderr
    assert "only in new: update / kept 0.25 / update_s" in done.stderr


def test_one_file_is_shown(tmp_path: Path) -> None:
    done = run("compare", write(tmp_path / "aaa111.json", [4.0, 4.1, 4.2], 0.5))
    assert "4.1 (4–4.2)" in done.stdout


@pytest.fixture
def tiny(one_thread: None) -> argparse.Namespace:
    return argparse.Namespace(
        size="tiny", dtype="float32", attention="sdpa", packed=False, rows=6, tokens=48, budget=128, seed=0
    )


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_without_masked_rows_agree(
    load: Callable[[str], ModuleType], tiny: argparse.Namespace, packed: bool
) -> None:
    update = load("gpu_update")
    policy, rows = update.Policy(tiny), update.draw_rows(tiny, kept=0.5)
    kept = [row for row in rows if row.advantage]
    tokens = sum(len(row.old_log_probs) for row in rows)
    every, some = (update.micro_batches(part, tiny.budget, packed, policy.device) for part in (rows, kept))
    assert len(kept) == 3 and len(some) < len(every)
    assert update.gradient_difference(policy, every, some, tokens) < 1e-5
    fewer = update.micro_batches(kept[:-1], tiny.budget, packed, policy.device)
    assert update.gradient_difference(policy, every, fewer, tokens) > 0.05  # an informative row is missing


def test_packed_rows_have_the_gradient_of_padded_ones(
    load: Callable[[str], ModuleType], tiny: argparse.Namespace
) -> None:
    update = load("gpu_update")
    policy, rows = update.Policy(tiny), update.draw_rows(tiny, kept=1.0)
    tokens = sum(len(row.old_log_probs) for row in rows)
    padded, packed = (update.micro_batches(rows, tiny.budget, kind, policy.device) for kind in (False, True))
    assert update.gradient_difference(policy, padded, packed, tokens) < 1e-5


def test_gpu_benchmarks_run_without_one(one_thread: None, script: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    script("gpu_update", "--size=tiny", "--rows=4", "--tokens=32", "--kept=0.5", "--repeats=1", f"--json={path}")
    script("gpu_advantages", "--device=cpu", "--sizes=64", "--tokens=16", "--repeats=1", f"--json={path}")
    found = json.loads(path.read_text())
    assert found["gpu_update"]["rows"][0]["gradient_difference"] < 1e-5
    assert found["gpu_advantages"]["rows"][0]["difference"] < 1e-4


def test_the_plug_ins_own_time_is_without_what_it_calls_back(load, monkeypatch):
    """A clock that each function moves by hand."""
    plugin_time, clock = load("plugin_time"), SimpleNamespace(now=0.0)
    monkeypatch.setattr(plugin_time, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def work(seconds: float) -> None:
        clock.now += seconds

    def wrap(original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def wrapper(seconds: float) -> None:
            clock.now += 2
            original(seconds)
            clock.now += 3

        return wrapper

    host, plugin = ModuleType("host"), ModuleType("plugin")
    host.work, plugin.wrap = wrap(work), wrap
    monkeypatch.setitem(sys.modules, "host", host)
    monkeypatch.setitem(sys.modules, "plugin", plugin)
    row = SimpleNamespace(symbol="host:work", wrapper="plugin:wrap", asks="nobody")
    monkeypatch.setattr(plugin_time, "WRAPPED", [row])
    measured, before = plugin_time.PluginTime(), host.work
    with measured.running(("work",)):
        host.work(100)
        host.work(50)
        clock.now += 1000
    assert measured.seconds == 10 and host.work is before
    with pytest.raises(SystemExit, match="does not wrap \\['gone'\\]"), measured.running(("gone",)):
        pass
