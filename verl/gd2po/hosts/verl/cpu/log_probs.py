"""Log-probabilities of the response tokens alone, in float32.

verl's engine without packed sequences projects every token of a padded batch, prompts included, on the vocabulary,
copies all logits twice, and takes the log-softmax of one token after the other, in the precision of the logits: in
bfloat16 a log-probability then has three digits. Here the projection begins at the first token that predicts a
response, and everything after it is float32 and one operation for all tokens.

Log-probabilities of prompt tokens, which nothing reads, are 0.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_FIRST = "gd2po_first_logit"
_UNUSUAL = ("use_fused_kernels", "calculate_sum_pi_squared", "distillation_use_topk", "distillation_only")


def wrap_prepare_model_inputs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``FSDPEngineWithLMHead.prepare_model_inputs``: ask the model for the logits from the first response on."""

    def prepare_model_inputs(self: Any, micro_batch: Any) -> Any:
        inputs, arguments = original(self, micro_batch)
        if _is_usual(micro_batch):
            first = max(0, int(_prompt_lengths(micro_batch).min()) - 1)
            inputs["logits_to_keep"] = torch.arange(first, inputs["input_ids"].shape[1])
            arguments[_FIRST] = first
        return inputs, arguments

    return prepare_model_inputs


def wrap_prepare_model_outputs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``FSDPEngineWithLMHead.prepare_model_outputs``: compute what verl does from these logits."""

    def prepare_model_outputs(
        self: Any, output: Any, output_args: dict[str, Any], micro_batch: Any, logits_processor_func: Any
    ) -> Any:
        if _FIRST not in output_args:
            return original(self, output, output_args, micro_batch, logits_processor_func)
        from verl.utils import tensordict_utils as tu

        rows, places, numbers = _predicting(micro_batch)
        temperature = output_args["temperature"][rows].unsqueeze(-1)
        logits = output.logits[rows, places - output_args[_FIRST]].float() / temperature
        labels = output_args["input_ids_rmpad_rolled"][numbers]
        normalisers = logits.logsumexp(-1)
        log_probs = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1) - normalisers
        answers = {"log_probs": log_probs}
        if tu.get_non_tensor_data(micro_batch, "calculate_entropy", default=False):
            answers["entropy"] = normalisers - (logits.softmax(-1) * logits).sum(-1)
        return {name: _all_tokens(values, numbers, micro_batch) for name, values in answers.items()}

    return prepare_model_outputs


def _is_usual(micro_batch: Any) -> bool:
    """Whether verl would compute log-probabilities, and at most the entropy, from unpacked sequences."""
    from verl.utils import tensordict_utils as tu

    packed = tu.get_non_tensor_data(micro_batch, "use_remove_padding", default=True)
    unusual = any(tu.get_non_tensor_data(micro_batch, name, default=False) for name in _UNUSUAL)
    return not (packed or unusual) and "prompts" in micro_batch and "responses" in micro_batch


def _prompt_lengths(micro_batch: Any) -> Tensor:
    """The number of prompt tokens of each row [B]; the V0 trainer sends prompts with padding, which a mask tells."""
    prompts: Any = micro_batch["prompts"]
    mask: Any = None if prompts.is_nested else micro_batch["attention_mask"]
    lengths: Tensor = prompts.offsets().diff() if mask is None else mask[:, : prompts.shape[1]].sum(1)
    return lengths


def _predicting(micro_batch: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Of the tokens whose next token belongs to a response: their rows, places in the row, and numbers in the batch."""
    offsets = micro_batch["input_ids"].offsets()
    lengths, prompts = offsets.diff(), _prompt_lengths(micro_batch)
    rows = torch.arange(len(lengths)).repeat_interleave(lengths)
    numbers = torch.arange(int(offsets[-1]))
    places = numbers - offsets[rows]
    chosen = (places >= prompts[rows] - 1) & (places < lengths[rows] - 1)
    return rows[chosen], places[chosen], numbers[chosen]


def _all_tokens(values: Tensor, numbers: Tensor, micro_batch: Any) -> Tensor:
    """Values of some tokens as a nested tensor of all, 0 elsewhere."""
    offsets = micro_batch["input_ids"].offsets()
    whole = values.new_zeros(int(offsets[-1])).index_put((numbers,), values)
    nested: Tensor = torch.nested.nested_tensor_from_jagged(whole, offsets)
    return nested
