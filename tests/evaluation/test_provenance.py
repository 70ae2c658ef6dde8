"""Names, hashes and versions in the record of a result."""

import hashlib
import json
import os
import platform
import shutil

import pytest

from gd2po.evaluation.provenance import hash_model, model_name, versions
from gd2po.versions import installed


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in {"model.safetensors": "weights", "config.json": "{}", "tokenizer.json": "[]"}.items():
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen2.5-1.5B-Instruct"),
        ("outputs/model/", "model"),
        ("/a/gd2po_hard_seed1/global_step_30", "gd2po_hard_seed1-global_step_30"),
        ("/a/gd2po_hard_seed1/global_step_30/actor/huggingface", "gd2po_hard_seed1-global_step_30"),
        ("global_step_30", "global_step_30"),
        ("gold", "gold"),
        ("checkpoints/gd2po/run_seed1/checkpoint-20", "run_seed1-checkpoint-20"),
        ("checkpoint-20", "checkpoint-20"),
    ],
)
def test_a_model_is_named_by_its_last_part_and_a_checkpoint_by_run_and_step(model, name):
    assert model_name(model) == name


def test_the_hash_is_of_names_and_contents(folder):
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert hash_model(folder) == hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def test_a_copy_has_the_same_hash_and_other_files_do_not_count(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    (copy / "README.md").write_text("about")
    (copy / "logs").mkdir()
    assert hash_model(copy) == hash_model(folder)


@pytest.mark.parametrize("change", [("model.safetensors", "other"), ("chat_template.jinja", "new")])
def test_every_change_of_the_model_changes_the_hash(folder, change):
    before = hash_model(folder)
    (folder / change[0]).write_text(change[1])
    assert hash_model(folder) != before


def test_files_are_read_once_while_they_do_not_change(folder, tmp_path):
    cache, weights = tmp_path / "cache.json", folder / "model.safetensors"
    before = hash_model(folder, cache)
    state = weights.stat()
    weights.write_text("WEIGHTS")  # same size
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert hash_model(folder, cache) == before, "size and time are the same, so the file is not read"
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert hash_model(folder, cache) == hash_model(folder) != before
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_versions_are_those_installed():
    assert set(versions()) == {"gd2po", "python"} and versions()["python"] == platform.python_version()
    assert set(installed("pytest", "no-such-package")) == {"pytest"}
