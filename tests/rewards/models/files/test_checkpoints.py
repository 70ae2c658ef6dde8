"""What is refused before a reward model is loaded, and in which words."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import check_checkpoint


@pytest.fixture
def scalar(scalar_model: Path, tmp_path: Path) -> Path:
    """A copy of the scalar model, to damage."""
    return Path(shutil.copytree(scalar_model, tmp_path / "scalar"))


def change_config(folder: Path, **entries: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text()) | entries
    file.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def change_weights(folder: Path, **tensors: torch.Tensor | None) -> None:
    file = folder / "model.safetensors"
    changed = load_file(file) | {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    save_file({name: tensor for name, tensor in changed.items() if tensor is not None}, file)


def refusal(folder: Path | str, kind: str = "scalar") -> str:
    with pytest.raises(RewardModelError) as caught:
        check_checkpoint(folder, kind)  # type: ignore[arg-type]
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_good_ones_pass(scalar_model, guard_model):
    check_checkpoint(scalar_model, "scalar")
    check_checkpoint(str(guard_model), "guard")


def test_a_bin_checkpoint_passes(scalar):
    torch.save(load_file(scalar / "model.safetensors"), scalar / "pytorch_model.bin")
    (scalar / "model.safetensors").unlink()
    check_checkpoint(scalar, "scalar")


def test_a_name_on_the_hub_is_left_to_who_loads_it(tmp_path):
    check_checkpoint("somebody/a-model", "scalar")
    assert "no such folder" in refusal(tmp_path / "absent")
    assert "no such folder" in refusal("./absent")
    assert "no such folder" in refusal("models/of/mine")


def test_a_head_that_is_missing_would_be_random(scalar):
    change_weights(scalar, score__weight=None)
    assert "lack the head" in refusal(scalar) and "random" in refusal(scalar)


def test_a_head_of_another_shape(scalar):
    change_weights(scalar, score__weight=torch.ones(3, 32))
    assert "score.weight of shape [3, 32]; a reward model has one output: [1, 32]" in refusal(scalar)


def test_a_head_for_another_backbone(scalar):
    change_weights(scalar, score__weight=torch.ones(1, 16))
    assert "of shape [1, 16]; a reward model has one output: [1, 32]" in refusal(scalar)


def test_labels_that_contradict_the_head(scalar):
    change_config(scalar, id2label={"0": "a", "1": "b", "2": "c"})
    assert "one output (score.weight [1, 32]), but its config.json says 3" in refusal(scalar)
    change_config(scalar, id2label=None, label2id=None)
    assert "says 2" in refusal(scalar)  # by transformers' default
    change_config(scalar, num_labels=1)
    check_checkpoint(scalar, "scalar")


def test_the_layout_of_saferlhf_is_refused_with_its_remedy(scalar):
    change_weights(scalar, score__weight=None, score_head__weight=torch.ones(1, 32))
    change_config(scalar, architectures=["AccustomedQwen2RewardModel"])
    assert f"gd2po convert-reward-model {scalar} {scalar}-converted" in refusal(scalar)
    assert "convert-reward-model" in refusal(scalar, "guard")


def test_each_kind_given_as_the_other(scalar_model, guard_model):
    assert "Qwen2ForCausalLM, a language model without a scalar head" in refusal(guard_model)
    assert "kind: guard" in refusal(guard_model)
    assert "a guard is a causal language model" in refusal(scalar_model, "guard")


def test_another_architecture(scalar):
    change_config(scalar, architectures=["Qwen2ForTokenClassification"])
    assert "is a Qwen2ForTokenClassification; expected a …ForSequenceClassification" in refusal(scalar)
    change_config(scalar, architectures=None)
    assert "unknown architecture" in refusal(scalar)


def test_files_that_are_missing_or_broken(scalar):
    index = {
        "weight_map": {"score.weight": "model-00001-of-00002.safetensors", "x": "model-00002-of-00002.safetensors"}
    }
    weights = (scalar / "model.safetensors").rename(scalar / "model-00001-of-00002.safetensors")
    assert "neither model.safetensors nor pytorch_model.bin" in refusal(scalar)
    (scalar / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "lacks 1 of 2 files that its index names: model-00002-of-00002.safetensors" in refusal(scalar)
    (scalar / "model.safetensors.index.json").write_text("{}")
    assert "has no weight_map" in refusal(scalar)
    weights.write_bytes(weights.read_bytes()[:100])
    weights.rename(scalar / "model.safetensors")
    assert "cannot be read" in refusal(scalar)
    (scalar / "config.json").write_text("{")
    assert "is no JSON" in refusal(scalar)
    (scalar / "config.json").unlink()
    assert "holds no config.json" in refusal(scalar)


def test_a_bin_that_cannot_be_mapped(scalar):
    (scalar / "model.safetensors").unlink()
    torch.save({"a": torch.ones(1)}, scalar / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert "cannot be read" in refusal(scalar) and "saved anew" in refusal(scalar)
    (scalar / "pytorch_model.bin").write_bytes(b"")
    assert "cannot be read" in refusal(scalar)


CLASSIFIER = {"score__weight": None}


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ({"value_head__weight": torch.ones(1, 32)}, "--head value_head.weight"),
        ({"rm_head__weight": torch.ones(1, 32), "rm_head__bias": torch.zeros(1)}, "--head rm_head.weight"),
        ({"v_head__summary__weight": torch.ones(1, 32)}, "--head v_head.summary.weight"),
        ({"v_head__weight": torch.ones(1, 32), "v_head__bias": torch.ones(1)}, "not the one linear layer"),
        (
            {"score__0__weight": torch.ones(32, 32), "score__2__weight": torch.ones(1, 32)},
            "score.0.weight [32, 32], score.2",
        ),
        ({"regression_head__weight": torch.ones(5, 32)}, "regression_head.weight [5, 32]: if that is its head"),
    ],
)
@pytest.mark.parametrize("architecture", ["Qwen2ForSequenceClassification", "Qwen2ForCausalLM", "Qwen2RewardModel"])
def test_a_head_of_another_name_is_named_with_what_to_do(scalar, head, says, architecture):
    change_weights(scalar, **CLASSIFIER, **head)
    change_config(scalar, architectures=[architecture])
    assert says in refusal(scalar) and architecture in refusal(scalar)
    assert ("placement: server" in refusal(scalar)) == ("--head" not in says)


def test_a_head_in_a_file_of_its_own(scalar):
    change_weights(scalar, **CLASSIFIER)
    save_file({"v_head.summary.weight": torch.ones(1, 32)}, scalar / "value_head.safetensors")
    assert "value_head.safetensors, as LLaMA-Factory writes it" in refusal(scalar)


@pytest.mark.parametrize("extra", ["score__bias", "mean", "v_head__weight"])
def test_what_stands_beside_the_head_would_be_left_out(scalar, extra):
    change_weights(scalar, **{extra: torch.ones(1)})
    assert f"holds {extra.replace('__', '.')} beside its backbone and its head score.weight" in refusal(scalar)


def test_the_head_of_the_language_model_is_left_alone(scalar):
    change_weights(scalar, lm_head__weight=torch.ones(3, 32))
    check_checkpoint(scalar, "scalar")


def test_shards_of_a_training_are_named_with_what_merges_them(tmp_path):
    (tmp_path / "model_world_size_2_rank_0.pt").write_bytes(b"")
    assert f"python -m verl.model_merger merge --backend fsdp --local_dir {tmp_path}" in refusal(tmp_path)
    (tmp_path / "model_world_size_2_rank_0.pt").rename(tmp_path / "mp_rank_00_model_states.pt")
    assert "zero_to_fp32.py" in refusal(tmp_path)
    (tmp_path / "mp_rank_00_model_states.pt").rename(tmp_path / "model.gguf")
    assert "a model in GGUF" in refusal(tmp_path)
