"""API-Bank rows that verl would leave out of validation are counted before the run."""

import json

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.hosts.verl.lifecycle.benchmark_rows import caution_about_long_rows
from gd2po.quickstart.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(["word " * 10], vocabulary=300).save_pretrained(path)
    return path


@pytest.fixture
def caution(verl_config, tokenizer_path, tmp_path):
    """What is said of validation rows ``(data_source, words of the prompt)``."""

    def say(rows: list[tuple[str, int]], *overrides: str) -> str | None:
        prompts = [{"data_source": source, "prompt": [{"role": "user", "content": "word " * n}]} for source, n in rows]
        pq.write_table(pa.Table.from_pylist(prompts), tmp_path / "rows.parquet")
        files = json.dumps([str(tmp_path / "rows.parquet"), str(tmp_path / "absent.parquet")])
        return caution_about_long_rows(
            verl_config(
                f"data.val_files={files}",
                f"actor_rollout_ref.model.path={tokenizer_path}",
                "data.max_prompt_length=50",
                *overrides,
            )
        )

    return say


def test_long_rows_are_counted_and_the_length_that_would_do_is_named(caution):
    said = caution(
        [("api_bank/lv1", 5), ("api_bank/lv1", 60), ("api_bank/lv3", 80)], "data.filter_overlong_prompts=true"
    )
    assert said is not None
    assert said.startswith(
        "2 of 3 API-Bank rows in data.val_files are longer than data.max_prompt_length=50: verl leaves"
    )
    needed = int(said.rsplit(";", 1)[1].split()[0])
    enough = [("api_bank/lv1", 5), ("api_bank/lv1", 60), ("api_bank/lv3", 80)]
    assert caution(enough, f"data.max_prompt_length={needed}") is None
    assert caution(enough, f"data.max_prompt_length={needed - 1}").startswith("1 of 3")


def test_without_the_filter_they_are_cut(caution):
    assert "verl cuts or refuses them" in caution([("api_bank/lv2", 60)], "data.filter_overlong_prompts=false")


def test_rows_of_the_task_itself_are_verls_business(caution):
    assert caution([("rlla", 500)]) is None
