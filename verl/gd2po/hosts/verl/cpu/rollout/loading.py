"""From verl's rollout and model configuration to an engine with a model in it."""

from typing import Any

from verl.workers.config import HFModelConfig, RolloutConfig

from gd2po.decoding.engine import DecodeEngine
from gd2po.hosts.verl.cpu.rollout.request import Limits


def build_engine(config: RolloutConfig, model_config: HFModelConfig) -> DecodeEngine:
    """Load the same model as the trainer, whose weights replace these before the first rollout."""
    from verl.utils.model import get_hf_auto_model_class
    from verl.utils.torch_dtypes import PrecisionType

    model = get_hf_auto_model_class(model_config.hf_config).from_pretrained(
        model_config.local_path,
        config=model_config.hf_config,
        dtype=PrecisionType.to_dtype(config.dtype),
        trust_remote_code=model_config.trust_remote_code,
    )
    if getattr(model, "_is_stateful", False):
        raise NotImplementedError(
            f"{type(model).__name__} keeps a recurrent state; this rollout batches models whose cache is keys and "
            "values only: choose such a model, or rollout.name=vllm"
        )
    return DecodeEngine(model, max_rows=config.max_num_seqs, max_prefill_tokens=config.max_num_batched_tokens)


def build_limits(config: RolloutConfig, model_config: HFModelConfig) -> Limits:
    """The lengths and stop tokens from the configuration, the model and its tokenizer."""
    context = model_config.hf_config.get_text_config().max_position_embeddings
    limit = config.max_model_len
    if limit is not None and limit > context:
        raise ValueError(
            f"actor_rollout_ref.rollout.max_model_len is {limit}, but the model reads at most {context} tokens; "
            "lower it"
        )
    return Limits(
        prompt_length=config.prompt_length,
        response_length=config.response_length,
        max_model_len=limit or context,
        eos_ids=_eos_ids(model_config),
        ignore_eos=config.ignore_eos,
    )


def _eos_ids(model_config: HFModelConfig) -> frozenset[int]:
    sources: list[Any] = [model_config.hf_config, model_config.generation_config, model_config.tokenizer]
    ids: set[int] = set()
    for source in sources:
        token = getattr(source, "eos_token_id", None)
        ids.update(token if isinstance(token, list) else [] if token is None else [token])
    return frozenset(ids)
