"""Benchmark rows among the validation files: said before the run when verl would not ask the model all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig

from gd2po.rewards.tool_calling.api_bank.rows import API_BANK


def caution_about_long_rows(config: DictConfig) -> str | None:
    """API-Bank rows longer than ``data.max_prompt_length``: their absence makes a curve differ from a final table."""
    prompts = list(_prompts(config))
    if not prompts:
        return None
    from transformers import AutoTokenizer

    model, limit = config.actor_rollout_ref.model, config.data.max_prompt_length
    tokenizer = AutoTokenizer.from_pretrained(
        model.tokenizer_path or model.path, trust_remote_code=model.trust_remote_code
    )
    texts = [tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False) for prompt in prompts]
    lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    long = sum(length > limit for length in lengths)
    if not long:
        return None
    fate = "leaves them out" if config.data.filter_overlong_prompts else "cuts or refuses them"
    return (
        f"{long} of {len(lengths)} API-Bank rows in data.val_files are longer than data.max_prompt_length={limit}: "
        f"verl {fate}, so its curves will differ from `gd2po eval api-bank`; {max(lengths)} would hold all"
    )


def _prompts(config: DictConfig) -> Iterator[Any]:
    import pyarrow.parquet as pq

    files = config.data.val_files
    for file in files if isinstance(files, ListConfig) else [files]:
        if not (file and Path(file).suffix == ".parquet" and Path(file).is_file()):
            continue  # verl says itself what is missing
        table = pq.read_table(file)
        for row in table.to_pylist() if {"data_source", "prompt"} <= set(table.column_names) else ():
            if str(row["data_source"]).startswith(API_BANK):
                yield row["prompt"]
