"""The quickstart's own short warm start, by transformers' Trainer.

``gd2po sft`` is the warm start of real models. Its trainer spends more on an update of the quickstart's half a million
weights than their arithmetic does: 108 s instead of 30 s for the same 750 updates on two cores.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.quickstart.policy import PolicySize, make_policy
from gd2po.quickstart.worlds.dialogues import Record

_NO_LOSS = -100
"""The label of a token that is not learned."""


@dataclass(frozen=True)
class WarmStart:
    """The length and the speed of a warm start.

    Attributes:
        epochs: The number of passes over the demonstrations.
        batch: The number of demonstrations per update.
        learning_rate: The learning rate after the first updates, from which it falls to 0 as a cosine.
        warmup: The number of these first updates.
    """

    epochs: float = 3.0
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 20


LANGUAGE_MODEL = WarmStart(epochs=1.0, learning_rate=2e-4, warmup=3)
"""The warm start of a pretrained model: it needs the grammar, not the language."""


def build_policy(
    demonstrations: Sequence[Record],
    destination: Path,
    settings: WarmStart,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
    size: PolicySize = PolicySize(),  # noqa: B008  frozen
) -> None:
    """Make a tiny policy that knows the grammar; when ``destination`` already holds a model, nothing is done.

    Args:
        demonstrations: ``{instruction, input, output}`` records to imitate; the loss is on ``output`` alone.
        destination: The folder to make, whole or not at all.
        settings: The length and the speed of the training.
        seed: The seed of the weights and of the order of the demonstrations.
        on_progress: Called after each update with the finished share.
        size: The shape of the policy.
    """
    if (destination / "config.json").exists():
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=destination.parent) as scratch:
        policy = Path(scratch, "policy")
        make_policy(demonstrations, policy, size, seed)
        with _one_thread():
            _train(str(policy), policy, demonstrations, _arguments(scratch, settings, seed), _progress(on_progress))
        policy.rename(destination)


def warm_start(
    model: str,
    demonstrations: Sequence[Record],
    destination: Path,
    settings: WarmStart,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Teach a pretrained model the grammar; when ``destination`` already holds a model, nothing is done.

    Passes are in bfloat16, the weights that the optimiser changes in float32; saved in bfloat16.

    Args:
        model: The folder of the model, or its name on a hub.
        demonstrations: ``{instruction, input, output}`` records to imitate; the loss is on ``output`` alone.
        destination: The folder to make, whole or not at all.
        settings: The length and the speed of the training.
        seed: The seed of the order of the demonstrations.
        on_progress: Called after each update with the finished share.
    """
    if (destination / "config.json").exists():
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=destination.parent) as scratch:
        policy = Path(scratch, "policy")
        arguments = _arguments(scratch, settings, seed, bf16=True, optim="adamw_torch_fused")
        _train(model, policy, demonstrations, arguments, _progress(on_progress), save_as="bfloat16")
        policy.rename(destination)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: matrices this small gain nothing from two, which wait for each other on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train(
    source: str, folder: Path, demonstrations: Sequence[Record], arguments: Any, progress: Any, save_as: str = "float32"
) -> None:
    """Train the model of ``source`` in float32, and save it with its tokenizer in ``folder``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, PrinterCallback, Trainer
    from transformers.utils.logging import disable_progress_bar

    from gd2po.cpu_attention import use_cpu_attention

    disable_progress_bar()  # the quickstart has lines of its own
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    padded = DataCollatorForSeq2Seq(tokenizer)
    saves = arguments.bf16  # a tiny policy in float32 would gain nothing
    if saves:
        use_cpu_attention(model)
    trainer = Trainer(
        model,
        arguments,
        data_collator=(lambda examples: _answers_alone(padded(examples))) if saves else padded,
        train_dataset=[_example(tokenizer, record) for record in demonstrations],
        callbacks=[progress],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    tokenizer.save_pretrained(folder)
    model.to(getattr(torch, save_as)).save_pretrained(folder)


def _answers_alone(batch: Any) -> Any:
    """Ask for the logits of what begins with the first token of an answer; the prompts before it have no loss."""
    first = int((batch["labels"] != _NO_LOSS).any(0).nonzero()[0])
    batch["logits_to_keep"] = batch["labels"].shape[1] - (first - 1)  # a token is predicted one place before it
    batch["labels"] = batch["labels"][:, first - 1 :]
    return batch


def _progress(on_progress: Callable[[float], None]) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            on_progress(state.global_step / state.max_steps)

    return Progress()


def _arguments(scratch: str, settings: WarmStart, seed: int, **options: Any) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        scratch,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        train_sampling_strategy="group_by_length",
        seed=seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **options,
    )


def _example(tokenizer: Any, record: Record) -> dict[str, list[int]]:
    """Token ids of prompt and answer; the loss is on the answer alone."""
    messages = [{"role": "user", "content": record["input"]}]
    if record["instruction"]:
        messages.insert(0, {"role": "system", "content": record["instruction"]})
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before = tokenizer(prompt)["input_ids"]
    answer = tokenizer(record["output"] + tokenizer.eos_token)["input_ids"]
    ids = before + answer
    return {"input_ids": ids, "labels": [_NO_LOSS] * len(before) + answer, "attention_mask": [1] * len(ids)}
