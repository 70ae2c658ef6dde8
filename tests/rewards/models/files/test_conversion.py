"""Conversion of the score_head layout: equal scores, and nothing half done."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import check_checkpoint
from gd2po.rewards.models.files.conversion import convert

FAMILIES = ["qwen2", "llama"]
HEAD_SHARD = "model-00003-of-00003.safetensors"


class Original(torch.nn.Module):
    """The layout as its authors have it: a backbone, a linear head, and the score at the last attended token."""

    def __init__(self, config: Any) -> None:
        from transformers import AutoModel

        super().__init__()
        self.model = AutoModel.from_config(config)
        self.score_head = torch.nn.Linear(config.hidden_size, 1, bias=False)

    @torch.inference_mode()
    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[B] end scores."""
        scores = self.score_head(self.model(input_ids=ids, attention_mask=mask).last_hidden_state)[..., 0]
        return torch.stack([row[attended.nonzero().max()] for row, attended in zip(scores, mask, strict=True)])


Make = Callable[..., tuple[Path, Original]]


@pytest.fixture
def make(tmp_path: Path, tiny_config: dict[str, Any], tokenizer: Any) -> Make:
    """Writes a checkpoint of the layout in three shards, the head in the last."""

    def make(
        family: str = "qwen2", dtype: torch.dtype = torch.float32, config: dict[str, Any] | None = None, **extra: Any
    ) -> tuple[Path, Original]:
        from transformers import LlamaConfig, Qwen2Config, set_seed

        folder = tmp_path / "original model"
        set_seed(0)
        classes = {"qwen2": Qwen2Config, "llama": LlamaConfig}
        options = tiny_config | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
        model = Original(classes[family](**options)).eval()
        model.score_head.weight.data *= 10
        for parameter in model.parameters():  # not .to(dtype): rotary frequencies stay float32 in whatever is loaded
            parameter.data = parameter.data.to(dtype)
        tokenizer.save_pretrained(folder)
        (folder / "generation_config.json").write_text('{"top_k": 7}')
        layout = {"architectures": ["AccustomedRewardModel"], "auto_map": {"AutoModel": "code.Model"}, "bias": False}
        written = model.model.config.to_dict() | layout | {"do_normalize": False} | (config or {})
        (folder / "config.json").write_text(json.dumps(written))
        write_shards(folder, model.state_dict() | extra)
        return folder, model

    return make


def write_shards(folder: Path, tensors: dict[str, torch.Tensor], suffix: str = "safetensors") -> None:
    names = list(tensors)
    third = len(names) // 3
    parts = [names[:third], names[third : 2 * third], names[2 * third :]]
    stem, save = ("model", save_file) if suffix == "safetensors" else ("pytorch_model", torch.save)
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"{stem}-0000{number}-of-00003.{suffix}"
        save({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def batch(pad: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four rows of different lengths, padded on the right."""
    ids = torch.randint(3, vocabulary, (4, 20), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(20) < torch.tensor([20, 13, 7, 1])[:, None]
    return ids.masked_fill(~mask, pad), mask.long()


def classify(folder: Path, dtype: torch.dtype, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    from transformers import AutoModelForSequenceClassification

    model, loading = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    assert not any(loading[keys] for keys in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.inference_mode():
        return model.eval()(input_ids=ids, attention_mask=mask).logits[:, 0]


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_stay_equal(make: Make, tmp_path, tokenizer, family, dtype):
    source, original = make(family, dtype)
    convert(source, tmp_path / "new")
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    expected = original(ids, mask).float()
    assert len(set(expected.tolist())) == 4
    assert torch.allclose(classify(tmp_path / "new", dtype, ids, mask).float(), expected, rtol=0, atol=1e-6)
    check_checkpoint(tmp_path / "new", "scalar")
    assert all(
        tensor.dtype == dtype for file in tmp_path.glob("new/*.safetensors") for tensor in load_file(file).values()
    )


def test_only_the_file_with_the_head_is_written_anew(make: Make, tmp_path):
    source, _ = make()
    before = digests(source)
    report = convert(source, tmp_path / "new")
    assert report.rewritten == (HEAD_SHARD,)
    assert report.linked == ("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors")
    assert report.copied == report.dropped == report.left_out == ()
    for name in report.linked:
        assert (source / name).samefile(tmp_path / "new" / name)
    assert not (source / HEAD_SHARD).samefile(tmp_path / "new" / HEAD_SHARD)
    assert digests(source) == before
    index = json.loads((tmp_path / "new/model.safetensors.index.json").read_text())["weight_map"]
    held = {}
    for file in tmp_path.glob("new/*.safetensors"):
        with safe_open(file, "pt") as tensors:
            held |= dict.fromkeys(tensors.keys(), file.name)
    assert index == held and index["score.weight"] == HEAD_SHARD


def test_other_files_are_kept_or_named(make: Make, tmp_path):
    source, _ = make()
    (source / "training_args.bin").write_bytes(b"0")
    (source / "global_step7").mkdir()
    (source / "additional_chat_templates").mkdir()
    (source / "additional_chat_templates/rag.jinja").write_text("x")
    report = convert(source, tmp_path / "new")
    assert report.left_out == ("global_step7", "training_args.bin")
    assert {"tokenizer.json", "chat_template.jinja", "generation_config.json"} <= set(report.kept)
    for name in (
        "tokenizer.json",
        "chat_template.jinja",
        "generation_config.json",
        "additional_chat_templates/rag.jinja",
    ):
        assert (tmp_path / "new" / name).read_bytes() == (source / name).read_bytes()


def test_the_config_is_that_of_a_classifier_with_raw_logits(make: Make, tmp_path, tokenizer):
    source, _ = make(config={"pad_token_id": None, "id2label": {"0": "a", "1": "b"}})
    convert(source, tmp_path / "new")
    config = json.loads((tmp_path / "new/config.json").read_text())
    assert config["architectures"] == ["Qwen2ForSequenceClassification"]
    assert (config["num_labels"], config["problem_type"]) == (1, "regression")
    assert config["pad_token_id"] == tokenizer.pad_token_id  # of the tokenizer
    assert not {"auto_map", "bias", "do_normalize", "id2label"} & set(config)


def test_tensors_without_influence_are_dropped_and_named(make: Make, tmp_path, tokenizer):
    extra = {"score_head.bias": torch.zeros(1), "lm_head.weight": torch.ones(3, 2), "normalizer.mean": torch.ones(1)}
    source, original = make(**extra)
    report = convert(source, tmp_path / "new")
    assert set(report.dropped) == set(extra)
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    assert torch.equal(classify(tmp_path / "new", torch.float32, ids, mask), original(ids, mask))


def test_a_file_of_nothing_but_dropped_tensors_is_not_made(make: Make, tmp_path, tokenizer):
    source, original = make()
    save_file({"lm_head.weight": torch.ones(3, 2)}, source / "model-00004-of-00004.safetensors")
    index = source / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["lm_head.weight"] = "model-00004-of-00004.safetensors"
    index.write_text(json.dumps(content))
    report = convert(source, tmp_path / "new")
    assert report.dropped == ("lm_head.weight",) and len(list(tmp_path.glob("new/*.safetensors"))) == 3
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    assert torch.equal(classify(tmp_path / "new", torch.float32, ids, mask), original(ids, mask))


def test_bin_files_become_safetensors(make: Make, tmp_path, tokenizer):
    source, original = make("llama")
    for file in source.glob("model*"):
        file.unlink()
    write_shards(source, original.state_dict(), "bin")
    report = convert(source, tmp_path / "new")
    assert len(report.rewritten) == 3 and not list(tmp_path.glob("new/*.bin*"))
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    assert torch.equal(classify(tmp_path / "new", torch.float32, ids, mask), original(ids, mask))


def test_a_checkpoint_of_one_file(make: Make, tmp_path, tokenizer):
    source, original = make()
    for file in source.glob("model*"):
        file.unlink()
    save_file(original.state_dict(), source / "model.safetensors")
    convert(source, tmp_path / "new")
    assert not list(tmp_path.glob("new/*.index.json"))
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    assert torch.equal(classify(tmp_path / "new", torch.float32, ids, mask), original(ids, mask))


def test_a_folder_of_symbolic_links_as_in_the_hubs_cache(make: Make, tmp_path):
    source, _ = make()
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in source.iterdir():
        (snapshot / file.name).symlink_to(os.path.relpath(file, snapshot))
    convert(snapshot, tmp_path / "new")
    shutil.rmtree(snapshot)
    assert not [path for path in (tmp_path / "new").iterdir() if path.is_symlink()]
    check_checkpoint(tmp_path / "new", "scalar")


def test_without_hard_links_files_are_copied(make: Make, tmp_path, monkeypatch):
    def refuse(*args: Any) -> None:
        raise OSError("another file system")

    source, _ = make()
    monkeypatch.setattr(os, "link", refuse)
    report = convert(source, tmp_path / "new")
    assert len(report.copied) == 2 and not report.linked
    assert not (source / report.copied[0]).samefile(tmp_path / "new" / report.copied[0])
    check_checkpoint(tmp_path / "new", "scalar")


def test_an_interrupted_conversion_leaves_nothing(make: Make, tmp_path, monkeypatch):
    def full(*args: Any, **options: Any) -> None:
        raise OSError("No space left on device")

    source, _ = make()
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space"):
        convert(source, tmp_path / "out/new")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score_head.bias": torch.tensor([0.5])}, r"score_head.bias of \[0.5\].*no place"),
        ({"config": {"do_normalize": True}}, "normalises its scores"),
        ({"config": {"model_type": "gpt2"}}, r"family 'gpt2'.*llama.*qwen2"),
        ({"score_head.weight": torch.ones(2, 32)}, r"shape \[2, 32\]; a reward model has \[1, 32\]"),
        ({"value_head.weight": torch.ones(1)}, "holds value_head.weight, and it is not known"),
    ],
)
def test_what_would_change_scores_is_refused(make: Make, tmp_path, options, message):
    source, _ = make(**options)
    with pytest.raises(RewardModelError, match=message):
        convert(source, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_head_of_another_name_is_converted_where_it_is_named(make: Make, tmp_path, tokenizer):
    source, original = make()
    for file in source.glob("model*"):
        file.unlink()
    names = {"score_head.weight": "v_head.weight"}
    tensors = {names.get(name, name): tensor for name, tensor in original.state_dict().items()}
    write_shards(source, tensors | {"v_head.bias": torch.zeros(1)})
    with pytest.raises(RewardModelError, match=r"convert-reward-model '.*' '.*-converted' --head v_head\.weight$"):
        check_checkpoint(source, "scalar")
    with pytest.raises(RewardModelError, match=r"without score_head\.weight.*--head NAME"):
        convert(source, tmp_path / "new")
    command = ["convert-reward-model", str(source), str(tmp_path / "new"), "--head", "v_head.weight"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    ids, mask = batch(tokenizer.pad_token_id, len(tokenizer))
    assert torch.equal(classify(tmp_path / "new", torch.float32, ids, mask), original(ids, mask))


def test_what_is_not_that_layout_is_refused(scalar_model, guard_model, tmp_path):
    with pytest.raises(RewardModelError, match=r"Qwen2ForSequenceClassification with score.weight already"):
        convert(scalar_model, tmp_path / "new")
    with pytest.raises(RewardModelError, match=r"Qwen2ForCausalLM without score_head.weight.*holds lm_head.weight"):
        convert(guard_model, tmp_path / "new")
    with pytest.raises(RewardModelError, match="is no folder"):
        convert(tmp_path / "none", tmp_path / "new")


def test_the_command_says_what_it_did_and_refuses_to_overwrite(make: Make, tmp_path):
    source, _ = make(**{"lm_head.weight": torch.ones(3, 2)})
    with pytest.raises(RewardModelError, match=r"gd2po convert-reward-model '.*original model' '.*-converted'"):
        check_checkpoint(source, "scalar")
    command = ["convert-reward-model", str(source), str(tmp_path / "new")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "Qwen2ForSequenceClassification, was AccustomedRewardModel" in done.output
    assert f"written anew        1: {HEAD_SHARD}" in done.output
    assert "left out, tensors   1: lm_head.weight" in done.output
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2 and "exists already" in again.output
