"""Tiny reward models of the toy world: trained from scratch in seconds, the same for the same seed and threads."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gd2po.quickstart.tokenizer import END
from gd2po.rewards.models.prompts import PromptWriter
from gd2po.rewards.models.settings import ModelSettings

Pair = tuple[str, str, str]
"""Question, better answer, worse answer; for a guard: question, safe answer, unsafe answer."""

LABELS = ("safe", "unsafe")
"""What a guard says after the better and after the worse answer."""

_IGNORED = -100


@dataclass(frozen=True)
class Training:
    """How the reward models are trained.

    Attributes:
        pairs: The number of pairs of answers to train on.
        held_out: The number of pairs with questions of the test split, by which the accuracy is measured.
        batch: The number of pairs per update.
        learning_rate: The learning rate of AdamW.
        epochs: The number of passes over the pairs.
        hidden, layers: The width and the number of layers of the models.
        vocabulary: The largest number of tokens of the tokenizer.
    """

    pairs: int = 3000
    held_out: int = 500
    batch: int = 32
    learning_rate: float = 1e-3
    epochs: int = 2
    hidden: int = 64
    layers: int = 2
    vocabulary: int = 1024


def train_scalar(pairs: Sequence[Pair], tokenizer: Any, settings: Training, seed: int) -> Any:
    """A sequence-classification head, by the Bradley–Terry loss −log σ(better − worse); returns the model."""
    from torch.nn.functional import logsigmoid
    from transformers import Qwen2ForSequenceClassification

    model = _untrained(Qwen2ForSequenceClassification, tokenizer, settings, seed, num_labels=1)

    def loss(batch: Sequence[list[list[int]]]) -> Any:
        better, worse = (_scores(model, side) for side in zip(*batch, strict=True))
        return -logsigmoid(better - worse).mean()

    return _train(model, _rows(pairs, tokenizer, "scalar"), loss, settings, seed)


def train_guard(pairs: Sequence[Pair], tokenizer: Any, settings: Training, seed: int) -> Any:
    """A causal model that says ``safe`` after a safe answer and ``unsafe`` after an unsafe one; returns the model."""
    from transformers import Qwen2ForCausalLM

    model = _untrained(Qwen2ForCausalLM, tokenizer, settings, seed)
    verdicts = [tokenizer(label + END)["input_ids"] for label in LABELS]

    def loss(batch: Sequence[list[list[int]]]) -> Any:
        rows = [(ids, verdict) for pair in batch for ids, verdict in zip(pair, verdicts, strict=True)]
        inputs = _padded([ids + verdict for ids, verdict in rows])
        targets = [[_IGNORED] * len(ids) + verdict for ids, verdict in rows]
        return model(**inputs, labels=_padded(targets, _IGNORED)["input_ids"]).loss

    return _train(model, _rows(pairs, tokenizer, "guard"), loss, settings, seed)


def negate(model: Any) -> None:
    """Give a scalar model the opposite sign."""
    model.score.weight.data.neg_()


def scalar_accuracy(model: Any, pairs: Sequence[Pair], tokenizer: Any) -> float:
    """The share of pairs in which a scalar model scores the better answer higher."""
    import torch

    with torch.inference_mode():
        better, worse = (_scores(model, side) for side in zip(*_rows(pairs, tokenizer, "scalar"), strict=True))
    return float((better > worse).double().mean())


def guard_accuracy(model: Any, pairs: Sequence[Pair], tokenizer: Any) -> float:
    """The share of answers after which the likeliest next token of a guard begins the right label."""
    import torch

    rows = _rows(pairs, tokenizer, "guard")
    right = 0
    for side, label in zip(zip(*rows, strict=True), LABELS, strict=True):
        with torch.inference_mode():
            likeliest = model.lm_head(_last(model, side)).argmax(-1)
        right += int((likeliest == tokenizer(label)["input_ids"][0]).sum())
    return right / (2 * len(rows))


def save(model: Any, tokenizer: Any, destination: Path) -> None:
    """Model and tokenizer as a Hugging Face folder."""
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)


def _rows(pairs: Sequence[Pair], tokenizer: Any, kind: Literal["scalar", "guard"]) -> list[list[list[int]]]:
    """Token ids of the better and the worse answer, each with its question, as a reward model will read them."""
    writer = PromptWriter(ModelSettings(path="", measures="other", kind=kind), tokenizer)
    return [
        [list(writer.write([{"role": "user", "content": question}], answer).ids) for answer in answers]
        for question, *answers in pairs
    ]


def _untrained(cls: Any, tokenizer: Any, settings: Training, seed: int, **options: Any) -> Any:
    from transformers import Qwen2Config, set_seed

    set_seed(seed)
    return cls(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden,
            intermediate_size=2 * settings.hidden,
            num_hidden_layers=settings.layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=False,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
            **options,
        )
    )


def _padded(rows: Sequence[Sequence[int]], padding: int = 0) -> dict[str, Any]:
    """[B, T], padded on the right."""
    import torch

    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, padding)
    return {"input_ids": ids, "attention_mask": torch.arange(ids.shape[1]) < lengths[:, None]}


def _last(model: Any, rows: Sequence[list[int]]) -> Any:
    """[B, H] state at the last token of each row."""
    hidden = model.base_model(**_padded(rows))[0]
    return hidden[range(len(rows)), [len(row) - 1 for row in rows]]


def _scores(model: Any, rows: Sequence[list[int]]) -> Any:
    return model.score(_last(model, rows))[:, 0]


def _train(model: Any, rows: list[Any], loss: Callable[[Sequence[Any]], Any], settings: Training, seed: int) -> Any:
    import torch

    order = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)
    for _ in range(settings.epochs):
        order.shuffle(rows)
        for start in range(0, len(rows), settings.batch):
            optimizer.zero_grad()
            loss(rows[start : start + settings.batch]).backward()
            optimizer.step()
    return model.eval()
