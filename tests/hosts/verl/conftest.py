"""A real TransferQueue on a real Ray, and verl's trainer class without its workers."""

import contextlib
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
from gd2po.hosts.verl.reading.run_settings import is_ours
from gd2po.hosts.verl.reading.run_state import calling
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


class _V0Trainer:
    """verl's V0 trainer without its workers: what its ``fit`` does with the rollouts of a step, in the same order."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        from verl.trainer.ppo.ray_trainer import RayPPOTrainer
        from verl.utils.tracking import Tracking

        class OneStep(RayPPOTrainer):
            """``fit`` takes the rollouts as they are; ``updates`` are the batches that reach the actor's workers."""

            def __init__(self) -> None:
                places = [f"trainer.default_local_dir={folder}", f"trainer.rollout_data_dir={folder}"]
                self.config = _verl_config("trainer.use_v1=false", *places, *overrides)
                self.global_steps, self.total_training_steps, self.updates = 1, 2, []
                self.tokenizer = SimpleNamespace(batch_decode=lambda rows, **_: ["text"] * len(rows))
                self.actor_rollout_wg = SimpleNamespace(update_actor=self._take)
                self.train_dataloader = SimpleNamespace(state_dict=lambda: {"after": self.global_steps})

            def _take(self, batch: Any) -> Any:
                from verl.utils.tensordict_utils import get_tensordict

                self.updates.append(batch)
                return get_tensordict({}, {"metrics": {"mfu": [0.0]}})

        self.trainer, self.folder = OneStep(), folder
        self.tracking = Tracking.__new__(Tracking)
        self.tracking.logger = {}
        self.config = self.trainer.config

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "global_steps":
            self.trainer.global_steps = value
        else:
            super().__setattr__(name, value)

    def _inside_fit(self) -> contextlib.AbstractContextManager[None]:
        """As in the wrapped ``fit``; verl's own in a run that is not ours."""
        return calling(self.trainer) if is_ours(self.config) else contextlib.nullcontext()

    def entries(self, batch: Any) -> dict[str, Any]:
        """What a batch says of the entries that the reward workers returned."""
        from verl.trainer.ppo import ray_trainer

        with self._inside_fit():
            return dict(ray_trainer.extract_reward(batch)[1])

    def log(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """What is logged in place of these metrics."""
        with self._inside_fit():
            self.tracking.log(data=metrics, step=self.trainer.global_steps)
        return metrics

    def run_step(self, batch: Any) -> tuple[Any, dict[str, Any], list[dict[str, Any]]]:
        """The batch with its advantages, the metrics that are logged, and the rows of the dump."""
        from verl.trainer.ppo import ray_trainer

        trainer, algorithm = self.trainer, self.trainer.config.algorithm
        trainer._init_dump_executor()
        with self._inside_fit():
            rewards, entries = ray_trainer.extract_reward(batch)
            batch.batch["token_level_rewards"] = batch.batch["token_level_scores"] = rewards
            batch = ray_trainer.compute_advantage(
                batch, adv_estimator=algorithm.adv_estimator, norm_adv_by_std_in_grpo=True, config=algorithm
            )
            trainer._update_actor(batch)
            trainer._log_rollout_data(batch, entries, {}, str(self.folder))
        metrics = self.log({"timing_s/step": 1.0})
        trainer._shutdown_dump_executor()
        lines = (self.folder / f"{trainer.global_steps}.jsonl").read_text().splitlines()
        return batch, metrics, [json.loads(line) for line in lines]


@pytest.fixture
def v0_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., _V0Trainer]:
    monkeypatch.chdir(tmp_path)
    return functools.partial(_V0Trainer, tmp_path)


def _v0_rollouts(config: Any, infos: list[dict[str, Any]], lengths: list[int], group: int) -> Any:
    """The DataProto that verl's agent loop makes of rollouts.

    Args:
        config: verl's configuration, with ``trainer.use_v1=false``.
        infos: What the reward workers returned for each rollout.
        lengths: The number of response tokens of each rollout.
        group: The number of rollouts of each prompt.
    """
    import numpy as np
    from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopWorker, _InternalAgentLoopOutput

    width, prompt = max(lengths), torch.ones(1, 2, dtype=torch.int64)
    outputs = []
    for info, length in zip(infos, lengths, strict=True):
        mask = (torch.arange(width) < length).long()[None]
        attention = torch.cat([torch.ones_like(prompt), mask], dim=1)
        output = _InternalAgentLoopOutput(
            prompt_ids=prompt,
            response_ids=mask,
            input_ids=torch.cat([prompt, mask], dim=1),
            position_ids=attention.cumsum(1) - 1,
            response_mask=mask,
            attention_mask=attention,
            reward_score=float(info.get("score", 0.0)),
            metrics=AgentLoopMetrics(),
            extra_fields={"reward_extra_info": info},
        )
        outputs.append(output)
    worker = AgentLoopWorker.__new__(AgentLoopWorker)
    worker.config, worker.reward_loop_worker_handles = config, ["worker"]
    batch = worker._postprocess(outputs)
    batch.non_tensor_batch["uid"] = np.array([f"u{row // group}" for row in range(len(infos))], dtype=object)
    batch.meta_info.pop("metrics")
    return batch


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
v0_rollouts = _fixture(_v0_rollouts)
