"""API-Bank beside the task's own rows in verl's validation: curves and final tables agree."""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from verl.trainer.ppo.v1 import get_trainer_cls

from gd2po.data.checks import SCHEMA
from gd2po.evaluation.api_bank import score
from gd2po.evaluation.generation import Decoding, GenerationRequest
from gd2po.evaluation.generation.transformers_backend import TransformersBackend
from gd2po.paths import config_dir
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate
from gd2po.rewards.tool_calling import compute_score
from gd2po.rewards.tool_calling.grammar import predicted_calls
from gd2po.runs.process import METRICS_VARIABLE, read_steps, run

GOLD = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {"a": "1"}}\n</tool_call>'
CALL = json.dumps([{"name": "f", "parameters": {"a": "1"}}])
ROW = {"split": "lv1", "index": 0, "instruction": "1. Name: f\nParameters: {'a': {'type': 'int'}}"}


def metrics_of(rows: list[tuple[str, dict | None]]) -> dict[str, float]:
    """verl's own metrics of validation rows ``(data_source, scores)``; None is a rollout that failed."""
    columns: dict[str, list] = defaultdict(list)
    answered = [(uid, source, scores) for uid, (source, scores) in enumerate(rows) if scores is not None]
    for name in {name for _, _, scores in answered for name in scores}:
        columns[name] = [scores.get(name) for _, _, scores in answered]  # as PPOTrainer._validate does it
    columns["reward"] = [scores["score"] for _, _, scores in answered]
    trainer = get_trainer_cls("sync")
    return trainer._val_metrics_update(
        trainer.__new__(trainer),
        [source for _, source, _ in answered],
        [str(uid) for uid, _, _ in answered],
        columns,
        [],
        expected_acc_counts={(source, str(uid)): 1 for uid, (source, _) in enumerate(rows)},
    )


@pytest.fixture(scope="module")
def metrics() -> dict[str, float]:
    right = compute_score("api_bank/lv1", GOLD, CALL, ROW)
    wrong = compute_score("api_bank/lv1", GOLD.replace('"1"', '"2"'), CALL, ROW)
    task = {"score": 4.0} | compute_score("rlla", GOLD, GOLD, ROW)  # the sum is the plug-in's
    return metrics_of(
        [
            ("rlla", task),
            ("api_bank/lv1", right),
            ("api_bank/lv1", wrong),
            ("api_bank/lv1", None),
            ("api_bank/lv2", right),
        ]
    )


def test_each_level_has_its_own_scores(metrics):
    assert metrics["val-core/api_bank/lv1/acc/mean@1"] == pytest.approx(1 / 3)
    assert metrics["val-aux/api_bank/lv1/strict_correct/mean@1"] == 1 / 2
    assert metrics["val-aux/api_bank/lv1/published_correct/mean@1"] == 1 / 2
    assert metrics["val-aux/api_bank/lv1/think_words/mean@1"] == 1
    assert metrics["val-core/api_bank/lv2/acc/mean@1"] == metrics["val-aux/api_bank/lv2/training_format/mean@1"] == 1


def test_a_failed_rollout_counts_as_wrong_as_in_the_tables(metrics):
    assert metrics["val-aux/api_bank/lv1/acc_success_only/mean@1"] == 1 / 2


def test_the_task_keeps_its_names_and_gets_no_zeros_of_others(metrics):
    names = {name for name in metrics if "/rlla/" in name}
    assert names == {
        "val-core/rlla/reward/mean@1",
        *(f"val-aux/rlla/{name}/mean@1" for name in ("score", "correctness", "format", "length")),
    }
    api_bank = {name.split("/")[3] for name in metrics if "/api_bank/lv2/" in name}
    assert api_bank.isdisjoint({"correctness", "format"})


# -- A run ------------------------------------------------------------------------------------------------------------

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
    records = demonstrations(one_easy_call(generate(3000, 1)), 1, think_words=(2, 4), imperfect_share=0)
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


@pytest.fixture(scope="module")
def validated(policy, items, tmp_path_factory) -> Path:
    """A folder with the metrics and dumps of a run that validates before and after one update."""
    plan = Plan(("gd2po_hard",), 1, 1, tmp_path_factory.mktemp("run"))
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
    ]
    folder = plan.run_folder("gd2po_hard")
    folder.mkdir()
    environment = {"VERL_PLATFORM": "cpu", METRICS_VARIABLE: str(folder / "metrics.jsonl")}
    code = run(command, folder / "log.txt", environment, lambda: None)
    assert code == 0, (folder / "log.txt").read_text()[-4000:]
    return folder


def answers(folder: Path, step: int, items: dict[str, list[dict]]) -> dict[str, list[tuple[dict, str]]]:
    """Data source → items with the texts of a validation dump; a dump names no source, so prompts are looked for."""
    dump = [json.loads(line) for line in (folder / "validation" / f"{step}.jsonl").read_text().splitlines()]
    found: dict[str, list[tuple[dict, str]]] = defaultdict(list)
    for source, of_level in items.items():
        for item in of_level:
            [text] = {row["output"] for row in dump if item["system"] in row["input"] and item["user"] in row["input"]}
            found[source].append((item, text))
    return found


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_the_curve_is_what_the_scorer_of_the_tables_says_of_the_same_texts(validated, items):
    logged = {step["step"]: step["data"] for step in read_steps(validated / "metrics.jsonl")}
    right = []
    for step in (0, 1):
        for source, pairs in answers(validated, step, items).items():
            scores = [score(text, item) for item, text in pairs]
            assert len(scores) == len(items[source]) == 8
            means = {name: sum(one[name] for one in scores) / len(scores) for name in scores[0]}
            found = {name: logged[step][f"val-aux/{source}/{name}/mean@1"] for name in means}
            assert found == pytest.approx(means)
            assert logged[step][f"val-core/{source}/acc/mean@1"] == pytest.approx(means["strict_correct"])
            right += [one["strict_correct"] for one in scores]
    assert 0 < sum(right) < len(right)
    assert "val-core/rlla/reward/mean@1" in logged[1]


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_the_evaluation_command_s_engine_gives_the_same_answers(validated, items, policy):
    pairs = [pair for of_level in answers(validated, 0, items).values() for pair in of_level]
    requests = [
        GenerationRequest(
            str(number), ({"role": "system", "content": item["system"]}, {"role": "user", "content": item["user"]})
        )
        for number, (item, _) in enumerate(pairs)
    ]
    with TransformersBackend(str(policy)) as backend:
        generated = {one.id: one for one in backend.generate(requests, Decoding(max_tokens=LIMIT))}
    assert [generated[str(number)].text for number in range(len(pairs))] == [text for _, text in pairs]
