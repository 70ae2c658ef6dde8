"""A tiny Qwen2-type policy from scratch: random weights, and a tokenizer trained on the texts at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gd2po.quickstart.tokenizer import train_tokenizer
from gd2po.quickstart.worlds.dialogues import Record

HEAD = 32
"""Width of one attention head."""


@dataclass(frozen=True)
class PolicySize:
    """The shape of the policy. The defaults have half a million parameters.

    Attributes:
        vocabulary: The largest number of tokens.
        hidden: The width; a multiple of :data:`HEAD`.
        layers: The number of transformer blocks.
        context: The longest prompt and response together, in tokens.
        weight_deviation: The standard deviation of the initial weights. A narrow policy learns to read its prompt in
            fewer updates with one over the root of its width than with the transformers default, which suits wide ones.
    """

    vocabulary: int = 640
    hidden: int = 128
    layers: int = 2
    context: int = 512
    weight_deviation: float = 0.02


TINY_POLICY = PolicySize(weight_deviation=0.08)
"""The shape of the policy that learns the quickstart's task."""


def make_policy(demonstrations: Sequence[Record], destination: Path, size: PolicySize, seed: int) -> int:
    """Save an untrained policy with its tokenizer as a Hugging Face model.

    The policy knows nothing. A warm start (``gd2po sft``) teaches it the grammar: where no answer is well-formed, every
    rollout earns the same, and no estimator learns from that.

    Args:
        demonstrations: ``{instruction, input, output}`` records, from which the tokenizer is trained.
        destination: The folder to write; when it already holds a model, nothing is done.
        size: The shape of the policy.
        seed: The seed of the weights.

    Returns:
        The number of weights, or 0 when nothing was done.
    """
    if (destination / "config.json").exists():
        return 0
    from transformers import Qwen2Config, Qwen2ForCausalLM, logging, set_seed

    logging.disable_progress_bar()
    set_seed(seed)
    tokenizer = train_tokenizer((text for record in demonstrations for text in record.values()), size.vocabulary)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=3 * size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // HEAD,
            num_key_value_heads=max(1, size.hidden // (2 * HEAD)),
            max_position_embeddings=size.context,
            initializer_range=size.weight_deviation,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    tokenizer.save_pretrained(destination)
    model.save_pretrained(destination)
    return int(model.num_parameters())
