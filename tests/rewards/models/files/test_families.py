"""Every family that transformers has with a sequence classifier: scored right, or refused in words that say why."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedConfig, set_seed
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import SCORE_HEAD, check_checkpoint
from gd2po.rewards.models.files.conversion import convert
from gd2po.rewards.models.files.families import CONVERTIBLE, ENCODERS, LAST_TOKEN, REFUSED
from gd2po.rewards.models.hosting.local import LocalRewardModel

DOCUMENT = Path(__file__).parents[4] / "docs" / "reward_models.md"
SUPPORTED = sorted(LAST_TOKEN | ENCODERS)
ROWS = [[5, 6, 7], [8] * 40, [9, 10], list(range(20, 60)), [11], [11, 12, 0]]
"""Token ids of different lengths; the last ends with the token that is the padding too."""

SIZES = {
    32: "hidden_size d_model n_embd dim emb_dim embedding_size word_embed_proj_dim attention_hidden_size",
    2: "num_hidden_layers n_layer n_layers num_layers num_attention_heads num_heads n_head n_heads num_key_value_heads "
    "num_experts_per_tok depth",
    64: "intermediate_size ffn_dim d_ff n_inner hidden_dim d_inner moe_intermediate_size "
    "shared_expert_intermediate_size expert_ffn_hidden_size ffn_hidden_size",
    4: "num_experts num_local_experts n_routed_experts",
    96: "vocab_size",
    16: "head_dim q_lora_rank kv_lora_rank qk_nope_head_dim v_head_dim",
    128: "max_position_embeddings n_positions n_ctx max_seq_len",
}
SMALL = {name: size for size, names in SIZES.items() for name in names.split()}
LATENT = {"n_group": 1, "topk_group": 1, "num_experts_per_tok": 2, "qk_rope_head_dim": 8, "first_k_dense_replace": 1}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"], "linear_num_value_heads": 2, "linear_num_key_heads": 2,
    "linear_key_head_dim": 16, "linear_value_head_dim": 16,
}  # fmt: skip
NEEDS: Mapping[str, dict[str, Any]] = {
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT,
    "mistral4": LATENT,
    "gptj": {"rotary_dim": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16, "moe_topk": 1},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False, "mamba_dt_rank": 4},
    "longformer": {"attention_window": 16},
    "ministral": {"head_dim": 16},
    "modernbert": {"local_attention": 8},
    "nemotron": {"num_key_value_heads": 2},
    "qwen3_5": LINEAR,
    "qwen3_5_text": LINEAR,
    "qwen3_next": LINEAR,
}
WITHOUT_HEAD_DIM = {"deepseek_v2", "deepseek_v3", "falcon", "mistral4"}


def small(config: PreTrainedConfig, family: str) -> dict[str, Any]:
    """The sizes of a family that can be made small, and what it needs to work then."""
    names = SMALL.keys() - ({"head_dim"} if family in WITHOUT_HEAD_DIM else set())
    sizes = {name: SMALL[name] for name in names if getattr(config, name, None) is not None}
    return sizes | {"pad_token_id": 0} | NEEDS.get(family, {})


def make(family: str, folder: Path) -> Any:
    """A tiny classifier of a family with random weights, saved as transformers saves it."""
    config_class = CONFIG_MAPPING[family]
    default = config_class()
    named = set(getattr(config_class, "sub_configs", {})) - {"attn_config"}  # mpt's, which has no sizes
    parts = {part: getattr(default, part, None) for part in named}
    options = {part: small(config, family) for part, config in parts.items() if config is not None}
    set_seed(0)
    config = config_class(**(options or small(default, family)), num_labels=1)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    for name, parameter in model.named_parameters():
        if "score" in name or "classifier" in name:
            parameter.data *= 20  # scores that differ
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("family", SUPPORTED)
def test_a_supported_family_scores_as_transformers_does(family: str, tmp_path: Path) -> None:
    model = make(family, tmp_path)
    check_checkpoint(tmp_path, "scalar")
    served = LocalRewardModel(str(tmp_path), "scalar")
    together = served.answer(ROWS)
    assert [served.answer([row])[0] for row in ROWS] == pytest.approx(together, abs=1e-4)
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor([row])).logits.item() for row in ROWS[:-1]]
    assert together[:-1] == pytest.approx(alone, abs=1e-4)
    assert len(set(together)) == len(ROWS)


@pytest.mark.parametrize("family", sorted(CONVERTIBLE))
def test_what_can_be_converted_is_what_passes_the_check(family: str, tmp_path: Path) -> None:
    make(family, tmp_path / "original")
    file = tmp_path / "original" / "model.safetensors"
    tensors = load_file(file)
    expected = LocalRewardModel(str(tmp_path / "original"), "scalar").answer(ROWS)
    save_file({SCORE_HEAD if name == "score.weight" else name: tensor for name, tensor in tensors.items()}, file)
    config = json.loads((tmp_path / "original" / "config.json").read_text()) | {"architectures": ["ModelForScore"]}
    (tmp_path / "original" / "config.json").write_text(json.dumps(config))
    with pytest.raises(RewardModelError, match="convert it once"):
        check_checkpoint(tmp_path / "original", "scalar")
    convert(tmp_path / "original", tmp_path / "converted")
    check_checkpoint(tmp_path / "converted", "scalar")
    assert LocalRewardModel(str(tmp_path / "converted"), "scalar").answer(ROWS) == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def folder_of(tmp_path: Path) -> Any:
    """Makes the folder of a classifier without a backbone, of which only the family is looked at."""

    def make_folder(
        family: str | None, architecture: str = "XForSequenceClassification", head: str = "score.weight"
    ) -> Path:
        config = {"architectures": [architecture], "model_type": family, "num_labels": 1, "pad_token_id": 0}
        (tmp_path / "config.json").write_text(json.dumps(config))
        save_file({"model.norm.weight": torch.ones(32), "model.a": torch.ones(1), head: torch.ones(1, 32)},
                  tmp_path / "model.safetensors")  # fmt: skip
        return tmp_path

    return make_folder


@pytest.mark.parametrize("family", sorted(REFUSED))
def test_a_refused_family_is_named_with_the_reason(family: str, folder_of: Any, tmp_path: Path) -> None:
    architecture = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[family]
    with pytest.raises(RewardModelError) as caught:
        check_checkpoint(folder_of(family, architecture), "scalar")
    for words in (f"a {architecture} of the family {family!r}", REFUSED[family], "another family", "placement: server"):
        assert words in str(caught.value)
    with pytest.raises(RewardModelError, match=f"the family '{family}'.* cannot be converted"):
        check_checkpoint(folder_of(family, architecture, SCORE_HEAD), "scalar")
    with pytest.raises(RewardModelError, match=r"families that can be converted: .*qwen2"):
        convert(tmp_path, tmp_path / "new")


def test_a_family_that_nobody_has_tried_is_refused(folder_of: Any) -> None:
    with pytest.raises(
        RewardModelError, match=r"of the family 'brandnew'.*nobody has tried whether its scores are right"
    ):
        check_checkpoint(folder_of("brandnew", "BrandNewForSequenceClassification"), "scalar")
    with pytest.raises(RewardModelError, match="of the family ''"):
        check_checkpoint(folder_of(None), "scalar")


def test_entries_that_name_two_families_are_refused(folder_of: Any) -> None:
    """vLLM goes by the architecture and transformers by the type."""
    with pytest.raises(
        RewardModelError, match=r"MistralForSequenceClassification by its architectures.*model_type 'llama'"
    ):
        check_checkpoint(folder_of("llama", "MistralForSequenceClassification"), "scalar")


def test_each_family_of_transformers_is_in_the_table_once() -> None:
    tables = [LAST_TOKEN, ENCODERS, REFUSED.keys()]
    listed = [family for table in tables for family in table]
    assert len(listed) == len(set(listed))
    assert MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.keys() <= set(listed)


def test_the_guide_lists_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = {
        title: set(re.findall(r"`([^`]+)`", row))
        for title, row in re.findall(r"^\| (decoders|encoders)[^|]*\| (.*) \|$", text, re.M)
    }
    assert rows == {"decoders": set(LAST_TOKEN), "encoders": set(ENCODERS)}
    refused = re.search(r"^Refused: (.*?)\n\n", text, re.M | re.S)
    assert refused is not None and set(re.findall(r"`([^`]+)`", refused[1])) == set(REFUSED)
