"""Reward models in this process, by transformers: on CPU, or on a GPU where there is one."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.files.checkpoints import Kind, check_checkpoint, check_family
from gd2po.rewards.models.hosting.batching import Ids

if TYPE_CHECKING:
    import torch

_loading = threading.Lock()  # transformers' loading is not thread-safe


class LocalRewardModel:
    """A loaded reward model. Weights are float32 on CPU and bfloat16 on a GPU, with a scalar head in float32 there too.

    Args:
        path: The folder or hub name of the model.
        kind: The kind of the model.

    Attributes:
        context: The largest number of tokens of a sequence; None where the model has no bound.
        vocabulary: The number of tokens, which bounds the token ids.

    Raises:
        RewardModelError: The model is not of that kind, or has no trained head with one output.
    """

    def __init__(self, path: str, kind: Kind) -> None:
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

        check_checkpoint(path, kind)
        self._model = _load(AutoModelForCausalLM if kind == "guard" else AutoModelForSequenceClassification, path)
        if kind == "scalar":
            _prepare_head(self._model, path)
        self._compute = self._next_tokens if kind == "guard" else self._scores
        config = self._model.config.get_text_config()
        self._pad = int(config.pad_token_id or 0)  # any token does: padding is masked
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        self.vocabulary: int = self._model.get_input_embeddings().num_embeddings

    def answer(self, rows: Sequence[Ids]) -> "Sequence[float] | Sequence[torch.Tensor]":
        """One forward pass: a result per sequence, which does not depend on the other sequences.

        Returns:
            For a scalar head the raw logit at the last token; for a guard [V] log-probabilities of the next token.
        """
        import torch

        with torch.inference_mode():
            return self._compute(rows)

    def _scores(self, rows: Sequence[Ids]) -> list[float]:
        import torch

        inputs = self._padded(rows, lambda ids, padding: [*ids, *padding])
        if not hasattr(self._model, "score"):  # an encoder's classifier, which reads where it was trained to
            return list(self._model(**inputs).logits[:, 0].tolist())
        hidden = self._model.base_model(**inputs)[0]
        last = hidden[torch.arange(len(rows), device=hidden.device), inputs["attention_mask"].sum(1) - 1]
        return list(self._model.score(last.float())[:, 0].tolist())

    def _next_tokens(self, rows: Sequence[Ids]) -> "list[torch.Tensor]":
        inputs = self._padded(rows, lambda ids, padding: [*padding, *ids])
        positions = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
        logits = self._model(**inputs, position_ids=positions, logits_to_keep=1).logits[:, -1]
        return list(logits.float().log_softmax(-1).cpu())

    def _padded(self, rows: Sequence[Ids], join: Callable[[Ids, list[int]], list[int]]) -> "dict[str, torch.Tensor]":
        """[B, T] inputs; ``join`` puts the padding on its side."""
        import torch

        width = max(map(len, rows))
        ids = [join(row, [self._pad] * (width - len(row))) for row in rows]
        mask = [join([1] * len(row), [0] * (width - len(row))) for row in rows]
        device = self._model.device
        return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def _load(auto_class: Any, path: str) -> Any:
    import torch
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    on_cpu = not torch.accelerator.is_available()
    try:
        with _loading:
            model, loading = auto_class.from_pretrained(
                path, dtype=torch.float32 if on_cpu else torch.bfloat16, output_loading_info=True
            )
    except (OSError, ValueError) as error:
        raise RewardModelError(f"reward model {path} cannot be loaded: {error}") from error
    if getattr(model, "_hf_peft_config_loaded", False):
        raise RewardModelError(
            f"reward model {path} is an adapter, which vLLM would not add to its model; merge it once by PEFT's "
            "merge_and_unload(), save it with its tokenizer, and name that folder"
        )
    if loading["missing_keys"]:
        missing, unused = (", ".join(sorted(loading[keys])) or "none" for keys in ("missing_keys", "unexpected_keys"))
        raise RewardModelError(
            f"the checkpoint {path} lacks {missing}, so a {type(model).__name__} would have random weights; "
            f"of its own, unused are {unused}. If that is its head under another name: gd2po convert-reward-model"
        )
    return model.eval() if on_cpu else model.to(torch.accelerator.current_accelerator()).eval()


def _prepare_head(model: Any, path: str) -> None:
    """Refuse all but one output of a supported family, and keep the head in float32.

    In bfloat16, scores near 8 would be multiples of 1/32 and tie.
    """
    check_family(path, model.config.to_dict())
    if model.config.num_labels != 1:
        raise RewardModelError(
            f"reward model {path} has {model.config.num_labels} outputs (num_labels), expected 1; choose a reward "
            "model with a scalar head"
        )
    if hasattr(model, "score"):
        model.score.float()
