"""Adapters, as PEFT saves them: refused with the lines that make a whole model of them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import Kind, check_checkpoint
from gd2po.rewards.models.files.conversion import convert
from gd2po.rewards.models.hosting import local
from gd2po.rewards.models.hosting.local import LocalRewardModel

peft = pytest.importorskip("peft")


def adapted(source: Path, task: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    auto_class = AutoModelForSequenceClassification if task == "SEQ_CLS" else AutoModelForCausalLM
    options = peft.LoraConfig(task_type=task, r=2, target_modules=["q_proj"], init_lora_weights=False)
    return peft.get_peft_model(auto_class.from_pretrained(source), options)


@pytest.fixture
def adapter(tmp_path: Path, scalar_model: Path, guard_model: Path, tokenizer: Any) -> Any:
    def make(task: str) -> Path:
        folder = tmp_path / "adapter"
        adapted(scalar_model if task == "SEQ_CLS" else guard_model, task).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


def refusal(folder: Path, kind: Kind) -> str:
    with pytest.raises(RewardModelError) as caught:
        check_checkpoint(folder, kind)
    return str(caught.value)


@pytest.mark.parametrize(("task", "kind"), [("SEQ_CLS", "scalar"), ("CAUSAL_LM", "guard")])
def test_the_lines_of_the_refusal_make_a_whole_model(adapter: Any, task: str, kind: Kind) -> None:
    folder = adapter(task)
    said = refusal(folder, kind)
    assert "holds an adapter (LORA, of" in said and "expected a whole model: merge it once" in said
    exec("\n".join(re.findall(r"^  (.*)$", said, re.MULTILINE)))
    merged = f"{folder}-merged"
    check_checkpoint(merged, kind)
    assert len(LocalRewardModel(merged, kind).answer([[5, 6], [7]])) == 2


def test_an_adapter_without_a_head_would_give_random_scores(adapter: Any) -> None:
    said = refusal(adapter("CAUSAL_LM"), "scalar")
    assert "The adapter holds no head" in said and "task_type: SEQ_CLS" in said


def test_an_adapter_beside_a_model(adapter: Any, scalar_model: Path, tmp_path: Path) -> None:
    """transformers would score by the adapter and vLLM by the model."""
    both = Path(shutil.copytree(scalar_model, tmp_path / "both"))
    for file in adapter("SEQ_CLS").glob("adapter_*"):
        shutil.copy(file, both)
    assert "beside the config.json of a model" in refusal(both, "scalar")
    assert "remove adapter_config.json" in refusal(both, "scalar")
    with pytest.raises(RewardModelError, match="holds an adapter"):
        convert(both, tmp_path / "new")


def test_weights_with_an_adapter_that_is_not_merged(scalar_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    folder = Path(shutil.copytree(scalar_model, tmp_path / "unmerged"))
    tensors = adapted(scalar_model, "SEQ_CLS").state_dict()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    assert "an adapter that is not merged" in refusal(folder, "scalar") and "merge_and_unload()" in refusal(
        folder, "scalar"
    )


def test_an_adapter_by_its_name_on_the_hub_is_refused_when_it_is_loaded(adapter: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(local, "check_checkpoint", lambda path, kind: None)
    with pytest.raises(RewardModelError, match="is an adapter, which vLLM would not add"):
        LocalRewardModel(str(adapter("SEQ_CLS")), "scalar")


def test_a_broken_adapter_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{")
    assert "adapter_config.json is no JSON" in refusal(tmp_path, "scalar")
    (tmp_path / "adapter_config.json").write_text(json.dumps({}))
    assert "holds an adapter (PEFT, of None" in refusal(tmp_path, "scalar")
