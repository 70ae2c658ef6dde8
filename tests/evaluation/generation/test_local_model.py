"""What a user may name as the model."""

import shlex

import pytest

from gd2po.evaluation.generation import GenerationError
from gd2po.evaluation.generation.local_model import find_model


@pytest.fixture
def checkpoint(tmp_path):
    """As verl's FSDP trainer writes it: shards, and a Hugging Face folder without weights."""
    actor = tmp_path / "a run" / "global_step_3" / "actor"
    (actor / "huggingface").mkdir(parents=True)
    (actor / "fsdp_config.json").write_text("{}")
    (actor / "huggingface" / "config.json").write_text("{}")
    return actor.parent


@pytest.mark.parametrize("part", ["", "actor", "actor/huggingface"])
def test_shards_are_refused_with_the_command_that_merges_them(checkpoint, part):
    with pytest.raises(GenerationError) as raised:
        find_model(str(checkpoint / part))
    explanation, command = str(raised.value).split("\n")
    assert "merge them once with verl's own tool and evaluate again" in explanation
    actor = str(checkpoint / "actor")
    program = ["python", "-P", "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    assert shlex.split(command) == [*program, "--local_dir", actor, "--target_dir", f"{actor}/huggingface"]


def test_verls_merger_takes_that_command(checkpoint, monkeypatch):
    merger = pytest.importorskip("verl.model_merger.base_model_merger", reason="verl is not installed")
    with pytest.raises(GenerationError) as raised:
        find_model(str(checkpoint))
    arguments = str(raised.value).partition("verl.model_merger ")[2]
    monkeypatch.setattr("sys.argv", ["verl.model_merger", *shlex.split(arguments)])
    config = merger.generate_config_from_args(merger.parse_args())
    assert (config.operation, config.backend, config.local_dir) == ("merge", "fsdp", str(checkpoint / "actor"))


@pytest.mark.parametrize("part", ["", "actor", "actor/huggingface"])
@pytest.mark.parametrize("weights", ["model.safetensors", "model-00001-of-00002.safetensors", "pytorch_model.bin"])
def test_a_merged_checkpoint_stands_for_its_model(checkpoint, part, weights):
    (checkpoint / "actor" / "huggingface" / weights).touch()
    assert find_model(str(checkpoint / part)) == str(checkpoint / "actor" / "huggingface")


def test_a_model_folder_and_a_hub_name_are_taken_as_they_are(tiny_model):
    assert find_model(str(tiny_model)) == str(tiny_model)
    assert find_model("Qwen/Qwen2.5-1.5B-Instruct") == "Qwen/Qwen2.5-1.5B-Instruct"


@pytest.mark.parametrize("name", ["/absent/model", "./absent", "~/absent", "outputs/absent/model"])
def test_a_folder_that_does_not_exist_is_no_hub_name(name):
    with pytest.raises(GenerationError, match="there is no such folder"):
        find_model(name)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(GenerationError, match=r"holds no config\.json; expected the folder of a Hugging Face model"):
        find_model(str(tmp_path))
