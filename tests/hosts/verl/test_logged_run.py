"""One run that validates on API-Bank beside the task's own rows and writes to every tracker.

Each metric arrives, with the same value, in each tracker; curves and final tables agree.
"""

import json
import os
import re
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.data.checks import SCHEMA
from gd2po.evaluation.api_bank import score
from gd2po.evaluation.generation import Decoding, GenerationRequest
from gd2po.evaluation.generation.transformers_backend import TransformersBackend
from gd2po.paths import config_dir
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate
from gd2po.rewards.tool_calling.grammar import predicted_calls
from gd2po.runs.process import METRICS_VARIABLE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

STEPS = 2
LIMIT = 64
"""Tokens of an answer, in validation and in the evaluation: curves and tables agree where the limits do."""

EASY = ("weather", "clock", "lookup")


def declare_types(record: dict[str, str]) -> dict[str, str]:
    """A synthetic dialogue with its tools written as API-Bank writes them, a dictionary of types."""

    def declared(found: re.Match) -> str:
        return "Parameters: " + str({name: {"type": "str"} for name in found[1].split(", ")})

    return record | {"instruction": re.sub(r"Parameters: (.*)", declared, record["instruction"])}


def one_easy_call(records: list[dict[str, str]]) -> list[dict[str, str]]:
    """The dialogues with one call of a tool with few values: a tiny policy learns them in seconds."""
    calls = [(record, predicted_calls(record["output"])) for record in records]
    return [declare_types(one) for one, found in calls if found and len(found) == 1 and found[0]["name"] in EASY]


@pytest.fixture(scope="module")
def items() -> dict[str, list[dict]]:
    """Data source → items, as the published files have them: ``answer`` is a list of one call, or the call."""
    made = [
        {"system": record["instruction"], "user": record["input"], "answer": predicted_calls(record["output"])}
        for record in one_easy_call(generate(300, 7))
    ]
    found = {f"api_bank/lv{level}": made[8 * level - 8 : 8 * level] for level in (1, 2, 3)}
    found["api_bank/lv2"] = [item | {"answer": item["answer"][0]} for item in found["api_bank/lv2"]]
    return found


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "policy"
    records = demonstrations(one_easy_call(generate(3000, 1)), 1, long_thought=(2, 4))
    build_policy(records, path, WarmStart(), 1)
    return path


def to_rows(items: dict[str, list[dict]]) -> list[dict]:
    return [
        {
            "data_source": source,
            "prompt": [{"role": "system", "content": item["system"]}, {"role": "user", "content": item["user"]}],
            "ability": "tool_calling",
            "reward_model": {"style": "rule", "ground_truth": json.dumps(item["answer"])},
            "extra_info": {
                "split": source.partition("/")[2],
                "index": index,
                "instruction": item["system"],
                "input": item["user"],
                "output": json.dumps(item["answer"]),
            },
        }
        for source, of_level in items.items()
        for index, item in enumerate(of_level)
    ]


Logged = dict[int, dict[str, float]]
"""Step → metric → value."""


@pytest.fixture(scope="module")
def folder(policy, items, tmp_path_factory) -> Path:
    """The folder of a run, started in another one, that validates before and after training on rows of API-Bank too."""
    plan = Plan(("gd2po_hard",), STEPS, 1, tmp_path_factory.mktemp("run"))
    prepare_task(plan)
    pq.write_table(pa.Table.from_pylist(to_rows(items), schema=SCHEMA), plan.folder / "api_bank.parquet")
    task_rows = plan.folder / "data-seed1" / "test.parquet"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--config-dir", str(config_dir("tool-calling"))]
    command += ["--config-name", "base", *plan.overrides("gd2po_hard")]
    command += [
        f"actor_rollout_ref.model.path={policy}",
        f"data.val_files=[{task_rows},{plan.folder}/api_bank.parquet]",
        *("data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4"),
        *("data.max_prompt_length=256", f"data.max_response_length={LIMIT}"),
        "actor_rollout_ref.rollout.val_kwargs.do_sample=false",
        "actor_rollout_ref.rollout.val_kwargs.temperature=0",
        "actor_rollout_ref.rollout.val_kwargs.n=1",
        *("trainer.logger=[console,file,tensorboard,wandb]", "trainer.default_local_dir=run"),
    ]
    environment = os.environ | {"VERL_PLATFORM": "cpu", "WANDB_MODE": "offline"}
    for variable in ("TENSORBOARD_DIR", "WANDB_DIR", METRICS_VARIABLE):
        environment.pop(variable, None)
    with (plan.folder / "log.txt").open("w") as log:
        ended = subprocess.run(command, cwd=plan.folder, env=environment, stdout=log, stderr=log, check=False)
    assert ended.returncode == 0, (plan.folder / "log.txt").read_text()[-4000:]
    return plan.folder / "run"


@pytest.fixture(scope="module")
def logged(folder: Path) -> Logged:
    """What verl's file logger wrote: the measure of the others."""
    [path] = folder.glob("metrics_*.jsonl")
    found = {entry["step"]: entry["data"] for entry in map(json.loads, path.read_text().splitlines())}
    assert sorted(found) == list(range(STEPS + 1))
    return found


def test_every_metric_of_the_plug_in_is_logged_at_every_step(logged):
    scores = {name: torch.rand(4) for name in ("correctness", "format", "length")}
    names = compute_rollout_advantages(scores, ["a", "a", "b", "b"], torch.ones(4), estimator="gd2po").metrics.keys()
    assert len(names) == 46
    for step in range(1, STEPS + 1):
        assert names <= logged[step].keys()
    assert logged[0].keys() == {name for name in logged[STEPS] if name.startswith("val-")}


def test_tensorboard(folder, logged):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found: Logged = {step: {} for step in logged}
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            found[event.step][name] = event.value
    for step, metrics in logged.items():
        assert found[step] == pytest.approx(metrics, rel=1e-6), f"step {step}"  # TensorBoard keeps float32


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of an offline file, a LevelDB log: blocks of 32 KiB, records whole (1) or in parts (2, 3 … 4)."""
    data, start, parts = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while start < len(data):
        if (left := 32768 - start % 32768) < 7:  # too short for a header: filled up with zeros
            start += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, start)
        parts += data[start + 7 : start + 7 + length]
        start += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def test_wandb_offline(folder, logged):
    from wandb.proto.wandb_internal_pb2 import Record

    [path] = folder.glob("wandb/offline-run-*/run-*.wandb")
    found: Logged = {}
    for data in wandb_records(path):
        record = Record.FromString(data)
        if record.HasField("history"):
            items = {item.nested_key[0] if item.nested_key else item.key: item for item in record.history.item}
            found[record.history.step.num] = {name: json.loads(item.value_json) for name, item in items.items()}
    for step, metrics in logged.items():
        assert {name: found[step][name] for name in metrics} == pytest.approx(metrics), f"step {step}"


def test_the_console_shows_every_number_and_the_progress_bar(folder, logged):
    log = (folder.parent / "log.txt").read_text(errors="replace")
    for step, metrics in logged.items():
        [line] = re.findall(rf"step:{step} - (.*)", log)
        shown = dict(part.rpartition(":")[::2] for part in line.split(" - "))
        assert shown.keys() == metrics.keys()
    assert f"{STEPS}/{STEPS}" in log and "Training Progress: 100%" in log


def answers(folder: Path, step: int, items: dict[str, list[dict]]) -> dict[str, list[tuple[dict, str]]]:
    """Data source → items with the texts of a validation dump; a dump names no source, so prompts are looked for."""
    dump = [json.loads(line) for line in (folder / "validation" / f"{step}.jsonl").read_text().splitlines()]
    found: dict[str, list[tuple[dict, str]]] = defaultdict(list)
    for source, of_level in items.items():
        for item in of_level:
            [text] = {row["output"] for row in dump if item["system"] in row["input"] and item["user"] in row["input"]}
            found[source].append((item, text))
    return found


def test_the_curve_is_what_the_scorer_of_the_tables_says_of_the_same_texts(folder, logged, items):
    right = []
    for step in (0, STEPS):
        for source, pairs in answers(folder, step, items).items():
            scores = [score(text, item) for item, text in pairs]
            assert len(scores) == len(items[source]) == 8
            means = {name: sum(one[name] for one in scores) / len(scores) for name in scores[0]}
            found = {name: logged[step][f"val-aux/{source}/{name}/mean@1"] for name in means}
            assert found == pytest.approx(means)
            assert logged[step][f"val-core/{source}/acc/mean@1"] == pytest.approx(means["strict_correct"])
            right += [one["strict_correct"] for one in scores]
    assert 0 < sum(right) < len(right)
    assert "val-core/rlla/reward/mean@1" in logged[STEPS]


def test_the_evaluation_command_s_engine_gives_the_same_answers(folder, items, policy):
    pairs = [pair for of_level in answers(folder, 0, items).values() for pair in of_level]
    requests = [
        GenerationRequest(
            str(number), ({"role": "system", "content": item["system"]}, {"role": "user", "content": item["user"]})
        )
        for number, (item, _) in enumerate(pairs)
    ]
    with TransformersBackend(str(policy)) as backend:
        generated = {one.id: one for one in backend.generate(requests, Decoding(max_tokens=LIMIT))}
    assert [generated[str(number)].text for number in range(len(pairs))] == [text for _, text in pairs]
