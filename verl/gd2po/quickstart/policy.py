"""A tiny Qwen2-type policy from scratch, and a short supervised warm start so that it knows the grammar.

A policy that never produces a well-formed answer gets the same score for every rollout, and no estimator learns from
that; the published runs start from instruction-tuned models for the same reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gd2po.data.synthetic_tools import Record
from gd2po.quickstart.tokenizer import END, train_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class PolicySize:
    """Shape of the policy and of its warm start. The defaults are the quickstart's, half a million parameters.

    Attributes:
        vocabulary: at most this many tokens.
        hidden: width; a multiple of 32, the width of one attention head.
        layers: transformer blocks.
        context: longest prompt and response together, in tokens.
        epochs: passes over the demonstrations.
        batch: demonstrations per update.
        learning_rate: of the warm start, cosine to 0.
    """

    vocabulary: int = 640
    hidden: int = 128
    layers: int = 2
    context: int = 512
    epochs: float = 3.0
    batch: int = 16
    learning_rate: float = 2e-3


def build_policy(
    demonstrations: Sequence[Record],
    destination: Path,
    size: PolicySize,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Path:
    """Train tokenizer and policy on ``{instruction, input, output}`` records and save both as a Hugging Face model.

    Args:
        demonstrations: what to imitate.
        destination: folder to write; when it already holds a model, nothing is done.
        size: shape and training length.
        seed: of the weights and of the order of the demonstrations.
        on_progress: called after each update with the finished share of the warm start.

    Returns:
        ``destination``.
    """
    if (destination / "config.json").exists():
        return destination
    from transformers import (
        DataCollatorForSeq2Seq,
        PrinterCallback,
        Qwen2Config,
        Qwen2ForCausalLM,
        Trainer,
        logging,
        set_seed,
    )

    logging.disable_progress_bar()
    set_seed(seed)
    tokenizer = train_tokenizer((text for record in demonstrations for text in record.values()), size.vocabulary)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=3 * size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // 32,
            num_key_value_heads=max(1, size.hidden // 64),
            max_position_embeddings=size.context,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    with TemporaryDirectory() as scratch:
        trainer = Trainer(
            model,
            _arguments(scratch, size, seed),
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            train_dataset=[_example(tokenizer, record, size.context) for record in demonstrations],
            callbacks=[_progress(on_progress)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)
    return destination


def _progress(on_progress: Callable[[float], None]) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            on_progress(state.global_step / state.max_steps)

    return Progress()


def _arguments(scratch: str, size: PolicySize, seed: int) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        scratch,
        num_train_epochs=size.epochs,
        per_device_train_batch_size=size.batch,
        learning_rate=size.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=20,
        train_sampling_strategy="group_by_length",
        seed=seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )


def _example(tokenizer: "PreTrainedTokenizerFast", record: Record, context: int) -> dict[str, list[int]]:
    """Token ids of prompt and answer; the loss is on the answer alone."""
    messages = [
        {"role": "system", "content": record["instruction"]},
        {"role": "user", "content": record["input"]},
    ]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before = tokenizer(prompt)["input_ids"]
    answer = tokenizer(record["output"] + END)["input_ids"]
    ids = (before + answer)[-context:]
    return {"input_ids": ids, "labels": ([-100] * len(before) + answer)[-context:], "attention_mask": [1] * len(ids)}
