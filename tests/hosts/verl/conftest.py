"""A real TransferQueue on a real Ray, and verl's trainer class without its workers."""

import functools
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import ray
import torch
import transfer_queue as tq
import verl  # noqa: F401  loads the plug-in
from hydra import compose, initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from gd2po.hosts.verl.door import ours
from gd2po.settings import GuardSwitches

ROOT = Path(__file__).parents[3]


@functools.cache
def _stock() -> bytes:
    """verl's own configuration tree as a small machine can run it, composed by Hydra. Copied 13 times faster so."""
    small = ["transfer_queue.backend.SimpleStorage.num_data_storage_units=1", "transfer_queue.enable=true"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return pickle.dumps(compose("ppo_trainer", overrides=[*small, "actor_rollout_ref.rollout.n=4"]))


def _verl_config(*overrides: str) -> DictConfig:
    """verl's configuration with overrides in Hydra's grammar, without composing it again for each test."""
    config = pickle.loads(_stock())
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        OmegaConf.update(config, override.key_or_group, override.value(), force_add=override.is_add())
    return config


def _rewards(*names: str) -> list[str]:
    """Overrides that declare rewards by name."""
    return [f"+algorithm.gd2po.rewards.{name}.weight=1.0" for name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray, and processes that import verl, are end-to-end."""
    for item in items:
        if {"queue", "in_a_fresh_process"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def queue() -> Iterator[None]:
    """Start Ray and TransferQueue once; both are stopped at the end."""
    os.environ["RAY_DEDUP_LOGS"] = "0"
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    tq.init(_verl_config().transfer_queue)
    yield
    tq.close()
    ray.shutdown()


@pytest.fixture
def process_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is one of a run of ours, in which every guard is on."""
    monkeypatch.setenv(ours.VARIABLE, ",".join(GuardSwitches.model_fields))


@pytest.fixture(scope="session")
def in_a_fresh_process(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Runs code where verl is not imported yet, and returns the words it prints.

    The process is forked from one that has imported, once, what costs most of ``import verl``.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "tensordict", "transformers", "ray"])
    output, errors = (tmp_path_factory.mktemp("printed") / name for name in ("output.txt", "errors.txt"))
    start = "import os, sys; os.environ.update({!r}); sys.stdout, sys.stderr = open({!r}, 'w'), open({!r}, 'w')\n"

    def run(code: str, **environment: str) -> list[str]:
        program = start.format(environment, str(output), str(errors)) + f"{code}\nsys.stdout.flush()"
        process = context.Process(target=exec, args=(program, {"__name__": "__main__"}))
        process.start()
        process.join()
        assert process.exitcode == 0, errors.read_text()
        return output.read_text().split()

    return run


class Rollouts:
    """Puts rollouts into the queue as verl's agent loop does, and gives back the batch its replay buffer would."""

    def __init__(self) -> None:
        self.partition = "train"

    def put(self, infos: dict[str, dict[str, Any] | None], lengths: list[int] | None = None) -> Any:
        """``infos``: key → what the reward function returned (None: no reward yet, as before a colocated model)."""
        lengths = lengths or [3] * len(infos)
        rows = [_row(key, info, length) for (key, info), length in zip(infos.items(), lengths, strict=True)]
        tags = [{"status": "success", "prompt_len": 2, "response_len": n, "seq_len": n + 2} for n in lengths]
        fields = list_of_dict_to_tensordict(rows)
        return tq.kv_batch_put(keys=list(infos), partition_id=self.partition, fields=fields, tags=tags)


def _row(key: str, info: dict[str, Any] | None, length: int) -> dict[str, Any]:
    scores = torch.zeros(length)
    scores[-1] = float((info or {}).get("score", 0.0))
    row = {
        "uid": key.rsplit("_", 2)[0],
        "prompts": torch.ones(2, dtype=torch.int64),
        "responses": torch.ones(length, dtype=torch.int64),
        "response_mask": torch.ones(length, dtype=torch.int64),
        "rollout_log_probs": torch.zeros(length),
        "old_log_probs": torch.zeros(length),
        "reward_model": {"ground_truth": "gold"},
        "raw_prompt": [{"role": "user", "content": key}],
        "position_ids": torch.arange(length + 2),
        "extra_fields": {} if info is None else {"reward_extra_info": info},
    }
    return row | ({} if info is None else {"rm_scores": scores})


@pytest.fixture
def rollouts(queue: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollouts]:
    monkeypatch.chdir(tmp_path)  # a run saves its settings below the working directory
    yield Rollouts()
    known = tq.kv_list("train") or {}
    tq.kv_clear(keys=list(known.get("train", {})), partition_id="train")


def _bare_trainer(*overrides: str, mode: str = "sync", colocated: Any = None) -> Any:
    """verl's trainer of a mode, without workers: enough for ``_compute_advantage`` and the rollout dump."""
    from verl.trainer.ppo.v1 import get_trainer_cls

    cls = get_trainer_cls(mode)
    trainer = cls.__new__(cls)
    trainer.config = _verl_config(*overrides)
    trainer.reward_loop_manager = colocated or SimpleNamespace(reward_loop_worker_handles=["worker"])
    return trainer


def _advantages_of(trainer: Any, batch: Any) -> tuple[list[list[float]], dict[str, Any]]:
    """Run verl's advantage step on a batch: per-row advantages as written back to the queue, and the metrics."""
    metrics: dict[str, Any] = {}
    batch = trainer._compute_advantage(batch, metrics)
    written = tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["advantages", "returns"])
    assert all(torch.equal(a, r) for a, r in zip(written["advantages"], written["returns"], strict=True))
    return [row.tolist() for row in written["advantages"]], metrics


class _Training:
    """A training of a shipped task in a folder of its own, started as a user starts it."""

    def __init__(
        self,
        task: str,
        folder: Path,
        *overrides: str,
        by: tuple[str, ...] = ("gd2po.cli", "train"),
    ) -> None:
        self.folder, self.log, self.metrics = folder, folder / "log.txt", folder / f"{time.monotonic_ns()}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", *by, "--config-dir", f"{ROOT}/{task}/config", "--config-name", "base"]
        environment = os.environ | {"VERL_FILE_LOGGER_PATH": str(self.metrics), "HYDRA_FULL_ERROR": "1"}
        command += [*overrides, f"trainer.default_local_dir={folder}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def steps(self) -> dict[int, dict[str, Any]]:
        """Finished steps and their metrics."""
        lines = self.metrics.read_text().splitlines() if self.metrics.exists() else []
        return {entry["step"]: entry["data"] for entry in map(json.loads, lines)}

    def await_step(self, step: int) -> None:
        """Until a step has finished, or the run has ended."""
        while self.process.poll() is None and step not in self.steps():
            time.sleep(0.2)

    def wait(self) -> int:
        return self.process.wait(600)

    def rollouts(self, step: int) -> list[dict[str, Any]]:
        lines = (self.folder / "rollouts" / f"{step}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def training() -> type[_Training]:
    return _Training


def _fixture(function: Any) -> Any:
    """Hand a helper to tests as a fixture: nothing is ever imported from a folder named ``tests``."""
    return pytest.fixture(name=function.__name__.lstrip("_"))(lambda: function)


rewards, verl_config = _fixture(_rewards), _fixture(_verl_config)
bare_trainer, advantages_of = _fixture(_bare_trainer), _fixture(_advantages_of)
