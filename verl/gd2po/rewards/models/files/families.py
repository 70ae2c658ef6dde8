"""The families of models (``model_type`` in config.json) whose sequence classifiers are scored right, and the others.

Each family that transformers 5.10 has with a ``…ForSequenceClassification`` was tried with a tiny model: the score that
our server gives, alone and in a padded batch, was compared with that of transformers alone. A family that is not here
is refused, so that none is scored wrong in silence.
"""

from collections.abc import Mapping
from typing import Any


def _families(names: str) -> frozenset[str]:
    return frozenset(names.split())


LAST_TOKEN = _families(
    "arcee biogpt bloom deepseek_v2 deepseek_v3 diffllama exaone4 falcon gemma gemma2 gemma3 gemma3_text glm glm4 "
    "gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj helium hunyuan_v1_dense hunyuan_v1_moe jamba jetmoe llama "
    "minimax ministral ministral3 mistral mistral4 mixtral mpt nemotron olmo olmo2 olmo3 openai-gpt opt persimmon phi "
    "phi3 phimoe qwen2 qwen2_moe qwen3 qwen3_5 qwen3_5_text qwen3_moe qwen3_next seed_oss smollm3 stablelm starcoder2"
)
"""Decoders, whose score is that of one linear layer without bias, ``score``, at the last token."""

ENCODERS = _families(
    "albert bert camembert data2vec-text deberta deberta-v2 distilbert electra ernie eurobert jina_embeddings_v3 "
    "longformer megatron-bert mobilebert modernbert mpnet nomic_bert rembert roberta roberta-prelayernorm roformer "
    "squeezebert xlm-roberta xlm-roberta-xl"
)
"""Encoders, whose score is that of ``classifier`` over the pooled text."""

CONVERTIBLE = LAST_TOKEN - _families(
    "biogpt bloom falcon gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox gptj mpt openai-gpt gemma3 qwen3_5"
)
"""Decoders of text alone with their backbone under ``model.``, the layout of SafeRLHF and align-anything."""

_SCORE = "score.weight"
_CLASSIFIERS = ("classifier.weight", "classifier.out_proj.weight")

_REASONS = {
    "convbert doge fnet nystromformer xlnet yoso": "its scores change with the padding of a batch",
    "big_bird funnel mra reformer": "its attention is an approximation that changes with the length of a batch",
    "ctrl modernbert-decoder": (
        "it reads its score at the last token that is no padding token, which may stand before the end of the text"
    ),
    "bart bigbird_pegasus mbart mt5 mvp plbart t5 t5gemma t5gemma2 umt5": (
        "it has an encoder and a decoder, and reads its score where the decoder ends"
    ),
    "layoutlm layoutlmv2 layoutlmv3 lilt luke markuplm modernvbert tapas": (
        "it reads pages, tables, entities or images beside the text"
    ),
    "canine esm perceiver roc_bert": "it reads characters, bytes, proteins or pronunciations, not the tokens of a text",
    "xmod": "it needs the language of each text",
    "flaubert xlm": "its head sequence_summary.summary is read by no server",
    "ibert": "it computes with integers, for which there is no test",
    "zamba zamba2": "its layers share weights, for which there is no test",
}
REFUSED = {family: reason for families, reason in _REASONS.items() for family in families.split()}
"""Family → the reason why it is refused."""


def family_of(config: Mapping[str, Any]) -> str:
    """The ``model_type`` of a config.json; empty where it names none."""
    return str(config.get("model_type") or "")


def reason_against(family: str) -> str | None:
    """Why a model of a family cannot be a scalar reward model, in words that follow a colon; None where it can."""
    if family in LAST_TOKEN | ENCODERS:
        return None
    return REFUSED.get(family, "nobody has tried whether its scores are right")


def heads_of(family: str) -> tuple[str, ...]:
    """The names that the weight of the head has in a supported family; one of them is in each checkpoint."""
    return (_SCORE,) if family in LAST_TOKEN else _CLASSIFIERS


def classifier_of(family: str) -> str:
    """The class by which transformers loads sequence classifiers of a supported family."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    return str(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[family])


def hidden_size(config: Mapping[str, Any]) -> int | None:
    """The width of the hidden states, also where a part of the config.json is that of the text; None if unnamed."""
    size = config.get("hidden_size") or (config.get("text_config") or {}).get("hidden_size")
    return None if size is None else int(size)
