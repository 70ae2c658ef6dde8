"""gd2po doctor for a given run, as a user types it, on recorded machines."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import Qwen2Config
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import SettingsError

GPU_ONLY = {"vllm", "flash-attn", "CUDA", "driver"}
"""What no machine without GPUs has; recordings do not bring it."""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model of 1.5B weights, by its shape, and prompts; the working directory."""
    monkeypatch.chdir(tmp_path)
    shape = {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12}
    Qwen2Config(**shape, num_key_value_heads=2, tie_word_embeddings=True).save_pretrained("model")
    pq.write_table(pa.table({"prompt": ["a"] * 3920}), "data.parquet")
    return tmp_path


RUN = ("tool-calling", "gd2po_hard", "model", "data.train_files=data.parquet", "data.val_files=data.parquet")
ONE = "trainer.total_training_steps=1"


def doctor(*arguments: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    shown = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    findings: dict[str, list[dict[str, object]]] = {}
    for finding in json.loads(shown.stdout)["findings"] if shown.stdout else ():
        findings.setdefault(str(finding["name"]), []).append(finding)
    return shown.exit_code, findings


def wrong(findings) -> set[str]:
    return {name for name, several in findings.items() if any(finding["ok"] is False for finding in several)}


def test_this_machine_is_well_and_says_what_it_has_not():
    code, findings = doctor()
    assert (code, wrong(findings)) == (0, set())
    for trainer in ("verl V1", "verl V0"):
        assert re.fullmatch(r"0\.9\.\d+; all \d+ symbols in use are as expected", findings[trainer][0]["found"])
    assert findings["vllm"][0]["expected"] == "==0.24.0, for rollouts with vllm"


def test_a_changed_symbol_of_v0_is_named_and_is_no_fault_of_v1(monkeypatch):
    from verl.trainer.ppo.ray_trainer import RayPPOTrainer

    monkeypatch.delattr(RayPPOTrainer, "_update_actor")
    code, findings = doctor()
    assert code == 1 and findings["verl V1"][0]["ok"]
    assert re.search(r"; 1 of \d+ symbols in use have changed", str(findings["verl V0"][0]["found"]))
    [changed] = findings["seam verl.trainer.ppo.ray_trainer.RayPPOTrainer._update_actor"]
    assert "it is not there. gd2po uses it to tell the workers" in str(changed["found"])


def test_a_published_run_on_eight_h100(machine, place):
    machine("8 x H100")
    code, findings = doctor(*RUN, ONE)
    assert code == 1 and wrong(findings) <= GPU_ONLY
    assert findings["GPUs for it"][0]["ok"] is findings["GPU memory"][0]["ok"] is findings["disk"][0]["ok"] is True
    assert findings["disk"][0]["expected"] == "18.5 GB for 1 checkpoints of 18.5 GB"


def test_a_card_of_24_gb_is_too_small_for_it(machine, place):
    machine("a card of 24 GB")
    _, findings = doctor(*RUN, ONE, "scale=1gpu")
    memory = findings["GPU memory"][0]
    assert memory["ok"] is False and memory["found"] == "23.5 GiB free"
    assert "in update, an estimate" in memory["expected"]
    _, eight = doctor(*RUN, ONE)
    assert eight["GPUs for it"][0]["ok"] is False


def test_what_is_not_there_is_named_with_what_brings_it(place):
    code, findings = doctor(
        "safe-alignment", "gd2po_hard", "absent/model", "data.train_files=absent.parquet", "rewards=useful_harmless"
    )
    assert code == 1
    assert {"model", "reward useful", "reward harmless", "data", "GPUs for it"} <= wrong(findings)
    assert findings["model"][0]["remedy"] == "hf download absent/model"
    assert findings["reward useful"][0]["remedy"] == "correct the path"


def test_a_folder_that_cannot_be_written_is_named(place):
    (place / "file").write_text("")
    _, findings = doctor(*RUN, "trainer.default_local_dir=/proc/runs")
    assert findings["run folder"][0]["ok"] is False and "/proc/runs" in findings["run folder"][0]["found"]


def test_more_checkpoints_than_the_disk_holds(place):
    _, findings = doctor(*RUN, "trainer.save_freq=1", "trainer.total_epochs=100000")
    assert findings["disk"][0]["ok"] is False
    assert "max_actor_ckpt_to_keep=1" in findings["disk"][0]["remedy"]


def test_an_impossible_split_is_a_problem_of_the_run(place):
    _, findings = doctor(*RUN, "actor_rollout_ref.rollout.tensor_model_parallel_size=8")
    assert "12 attention heads" in findings["configuration"][0]["found"]


def test_on_cpu_it_compares_with_the_memory_of_the_machine(place):
    code, findings = doctor(*RUN, "scale=cpu", "trainer.save_freq=-1")
    assert "GPUs for it" not in findings
    assert findings["host memory"][0]["expected"].endswith("GiB, an estimate")
    assert code == int(findings["host memory"][0]["ok"] is False)


def test_wrong_use_ends_with_2():
    assert CliRunner().invoke(app, ["doctor", "tool-calling"]).exit_code == 2


@pytest.mark.parametrize("columns", [80, 140])
def test_a_screen_stays_within_its_columns_and_ends_with_the_count(monkeypatch, machine, place, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    machine("an old driver")
    shown = CliRunner().invoke(app, ["doctor", *RUN])
    lines = [line.rstrip() for line in shown.output.splitlines()]
    assert shown.exit_code == 1 and max(map(len, lines)) <= columns
    assert any(line.startswith("no  flash-attn") for line in lines)
    assert any("→ pip install 'verl[fsdp]'" in line for line in lines)
    assert lines[-1].endswith("are not as they should be")


def test_a_sandbox_is_tried_and_its_absence_is_no_fault(monkeypatch):
    monkeypatch.setattr("gd2po.hosts.verl.preflight.doctor.run.check_sandbox", lambda: None)
    assert doctor()[1]["sandbox"][0]["ok"] is True

    def refuse():
        raise SettingsError("user namespaces are forbidden")

    monkeypatch.setattr("gd2po.hosts.verl.preflight.doctor.run.check_sandbox", refuse)
    code, findings = doctor()
    assert code == 0 and "user namespaces are forbidden" in findings["sandbox"][0]["found"]
