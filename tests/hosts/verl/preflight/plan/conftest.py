"""Models of a known shape without weights, and plans of the shipped tasks with them."""

import functools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

GIB = 2**30
QWEN_1_5B = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}
"""The published shape of Qwen2.5-1.5B-Instruct."""


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with the config.json of a Qwen2 of this shape; the default is the published 1.5B."""
    from transformers import Qwen2Config

    @functools.cache
    def make(**changes: Any) -> Path:
        folder = tmp_path_factory.mktemp("model")
        Qwen2Config(**(QWEN_1_5B | changes), architectures=["Qwen2ForCausalLM"]).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A parquet file with so many prompts."""

    @functools.cache
    def make(rows: int) -> Path:
        file = tmp_path_factory.mktemp("data") / "train.parquet"
        pq.write_table(pa.table({"prompt": ["a question"] * rows}), file)
        return file

    return make


@pytest.fixture(scope="session")
def plan_of(model_folder: Callable[..., Path], prompts: Callable[[int], Path]) -> Callable[..., Any]:
    """A plan of tool calling on 1.5B with the published number of prompts, or of another task, with overrides."""
    from gd2po.hosts.verl.preflight.plan.composing import compose_run
    from gd2po.hosts.verl.preflight.plan.making import make_plan

    @functools.cache
    def composed(task: str, *groups: str) -> bytes:
        files = [f"data.train_files={prompts(3920)}", f"data.val_files={prompts(80)}"]
        return pickle.dumps(compose_run([task, "gd2po_hard", str(model_folder()), *files, *groups]))

    @functools.cache
    def make(*overrides: str, task: str = "tool-calling", model: Path | None = None, gib: int = 80) -> Any:
        groups = [item for item in overrides if item.startswith(("model_engine=", "scale="))]
        config = pickle.loads(composed(task, *groups))  # composing takes a second
        changes = [item for item in overrides if item not in groups]
        for override in OverridesParser.create().parse_overrides(changes):
            OmegaConf.update(config, override.key_or_group, override.value(), force_add=override.is_add())
        if model:
            config.actor_rollout_ref.model.path = str(model)
        return make_plan(config, gib * GIB)

    return make
