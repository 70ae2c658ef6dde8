"""Prompts that are too long are counted, and too few are refused before any worker starts."""

import inspect
import logging
from types import SimpleNamespace

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq
from verl.trainer.ppo.v1.trainer_base import PPOTrainer
from verl.utils.dataset.rl_dataset import RLHFDataset

from gd2po.errors import SettingsError
from gd2po.hosts.verl.lifecycle.prompts import wrap_init_dataloader
from gd2po.quickstart.tokenizer import train_tokenizer


@pytest.fixture
def dataset(verl_config, tmp_path, caplog, process_of_ours):
    """verl's own data set of prompts with so many words; gives its length and what was said."""
    tokenizer = train_tokenizer(["word " * 10], vocabulary=300)

    def read(*words: int, limit: int, truncated: bool = False) -> tuple[int, list[str]]:
        rows = [{"data_source": "here", "prompt": [{"role": "user", "content": "word " * n}]} for n in words]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
        filtered = f"data.filter_overlong_prompts={not truncated}"
        config = verl_config(f"data.max_prompt_length={limit}", filtered, f"+data.cache_dir={tmp_path}").data
        config.filter_overlong_prompts_workers = None
        with caplog.at_level(logging.WARNING, "gd2po.hosts.verl.lifecycle.prompts"):
            return len(RLHFDataset(str(tmp_path / "rows.parquet"), tokenizer, config)), caplog.messages

    return read


def test_prompts_that_fit_are_no_news(dataset):
    assert dataset(3, 4, 5, limit=40) == (3, [])


def test_prompts_that_are_left_out_are_counted(dataset, tmp_path):
    kept, [said] = dataset(3, 50, 60, limit=40)
    assert kept == 1
    assert said.startswith(f"2 of 3 prompts in {tmp_path}/rows.parquet have more than data.max_prompt_length=40 tokens")


def test_nothing_is_said_where_verl_leaves_none_out(dataset):
    assert dataset(50, 60, limit=40, truncated=True) == (2, [])


def test_without_any_prompt_the_limit_is_named(dataset):
    with pytest.raises(SettingsError, match=r"2 of 2 prompts .* none is left\. Raise data\.max_prompt_length"):
        dataset(50, 60, limit=40)


@pytest.mark.parametrize(("rows", "refused"), [(3, True), (4, False)])
def test_prompts_that_fill_no_batch_are_refused(verl_config, rows, refused):
    trainer = SimpleNamespace(config=verl_config("data.train_batch_size=4"), train_dataset=range(rows))
    if refused:
        with pytest.raises(SettingsError, match=r"the 3 prompts .* do not fill one batch of data\.train_batch_size=4"):
            wrap_init_dataloader(lambda _: None)(trainer)
    else:
        wrap_init_dataloader(lambda _: None)(trainer)


def test_they_are_counted_before_any_worker_starts():
    """verl reads the data first."""
    names = inspect.unwrap(PPOTrainer._setup).__code__.co_names
    assert names.index("_init_dataloader") < names.index("_init_resource_pool_mgr")
