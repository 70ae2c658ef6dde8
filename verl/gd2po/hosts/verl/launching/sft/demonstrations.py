"""The demonstrations, tokenised by verl's SFT data set, measured and checked before a model is loaded."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from gd2po.errors import GD2POError

_SHOWN = 5


class DemonstrationError(GD2POError, ValueError):
    """The demonstrations cannot be imitated as they stand."""


@dataclass(frozen=True)
class Demonstrations:
    """The demonstrations of a warm start.

    Attributes:
        table: The pandas frame of the demonstrations that are trained on.
        left_out: The positions of demonstrations that are too long, if the user chose to leave them out.
        tokens: The number of tokens of all rows, prompts included.
        answer_tokens: The number of tokens that the loss is computed on.
        longest: The number of tokens of the longest row.
        limit: The largest number of tokens that a row may have.
    """

    table: Any
    left_out: tuple[int, ...]
    tokens: int
    answer_tokens: int
    longest: int
    limit: int

    @property
    def rows(self) -> int:
        return len(self.table)


def read_demonstrations(config: DictConfig, *, drop_long: bool = False) -> Demonstrations:
    """Tokenise every row with verl's own data set and check it.

    Args:
        config: The configuration of the warm start.
        drop_long: Leave out rows that are too long, instead of refusing all.

    Raises:
        FileNotFoundError: A file of demonstrations is missing.
        DemonstrationError: There is no column ``messages``, a row has no answer or is too long, or the chat template
            would teach other text than the demonstration.
    """
    _check_files(config)
    model = _model(config)
    dataset = _dataset(config, model)
    lengths = [_lengths(dataset, row, config) for row in range(len(dataset))]
    context = getattr(model.hf_config.get_text_config(), "max_position_embeddings", sys.maxsize)
    limit = min(config.data.max_length, context)
    kept = [row for row, (tokens, _) in enumerate(lengths) if tokens <= limit]
    left_out = tuple(sorted(set(range(len(dataset))).difference(kept)))
    if left_out and not drop_long:
        raise DemonstrationError(_refusal(left_out, lengths, limit, config))
    return Demonstrations(
        table=dataset.dataframe.iloc[kept],
        left_out=left_out,
        tokens=sum(lengths[row][0] for row in kept),
        answer_tokens=sum(lengths[row][1] for row in kept),
        longest=max((lengths[row][0] for row in kept), default=0),
        limit=limit,
    )


def _model(config: DictConfig) -> Any:
    """verl's own view of the model: tokenizer and configuration, no weights."""
    from hydra.errors import InstantiationException
    from verl.utils.config import omega_conf_to_dataclass

    try:
        model = omega_conf_to_dataclass(config.model)
    except InstantiationException as error:  # Hydra's wrapping of whatever transformers raised
        raise DemonstrationError(f"{config.model.path} cannot be loaded: {error.__cause__ or error}") from error
    if not model.tokenizer.chat_template:
        raise DemonstrationError(
            f"the tokenizer of {config.model.path} has no chat template; use the instruction-tuned model, or set "
            "model.custom_chat_template"
        )
    return model


def _check_files(config: DictConfig) -> None:
    import pyarrow.parquet as pq

    files, key = config.data.train_files, config.data.messages_key
    for file in files if isinstance(files, ListConfig) else [files]:
        if not Path(file).is_file():
            raise FileNotFoundError(
                f"no demonstrations in {file}; make them with `gd2po data get rlla_4k/sft` and `gd2po data prepare "
                "rlla_4k/sft`, or name a parquet file: data.train_files=…"
            )
        columns = pq.read_schema(file).names
        if key not in columns:
            raise DemonstrationError(
                f"{file} has no column {key!r} (found: {', '.join(columns)}); the warm start needs dialogues that end "
                "with an answer, such as `gd2po data prepare` makes of rlla_4k/sft"
            )


def _dataset(config: DictConfig, model: Any) -> Any:
    """verl's data set without its limit of length: long rows are counted here, before the first batch."""
    from verl.trainer.sft_trainer import create_sft_dataset

    data = OmegaConf.merge(config.data, {"max_length": sys.maxsize})
    with redirect_stdout(io.StringIO()):  # it prints the number of rows
        return create_sft_dataset(
            data.train_files, data, model.tokenizer, model.processor, max_samples=data.train_max_samples
        )


def _lengths(dataset: Any, row: int, config: DictConfig) -> tuple[int, int]:
    """The number of tokens of a row, and of its answer."""
    messages = dataset.messages[row]
    content = messages[-1].get("content") if messages and messages[-1]["role"] == "assistant" else ""
    answer = content.strip() if isinstance(content, str) else ""
    if not answer:
        raise DemonstrationError(
            f"demonstration {row} does not end with an answer of the assistant as text; found {content!r:.60}"
        )
    if answer not in dataset.tokenizer.apply_chat_template(messages, tokenize=False):
        raise DemonstrationError(
            f"the chat template of {config.model.path} changes the answer of demonstration {row} ({answer[:60]!r} …), "
            "so other text than the demonstration would be learned; set model.custom_chat_template to a plain one, or "
            "choose a model without a thinking template"
        )
    try:
        example = dataset[row]
    except AssertionError as error:
        raise DemonstrationError(f"demonstration {row}: {error}") from error
    return len(example["input_ids"]), int(example["loss_mask"].sum())


def _refusal(long: Sequence[int], lengths: Sequence[tuple[int, int]], limit: int, config: DictConfig) -> str:
    shown = ", ".join(str(row) for row in long[:_SHOWN]) + (", …" if len(long) > _SHOWN else "")
    longest = max(tokens for tokens, _ in lengths)
    remedy = (
        f"set data.max_length to at least {longest}"
        if limit == config.data.max_length
        else f"choose a model with a context of at least {longest}"
    )
    return (
        f"{len(long)} of {len(lengths)} demonstrations are longer than {limit} tokens, the longest has {longest} "
        f"(rows {shown}); {remedy}, or leave them out with --drop-long"
    )
