"""Run folders as verl and the plug-in leave them, small."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

REWARDS = ("useful", "harmless")


def _metrics(step: int, level: float) -> dict[str, float]:
    rewards = {f"reward/{name}/mean": level + 0.01 * step * place for place, name in enumerate(REWARDS)}
    shares = {f"update/{name}/share": 0.5 for name in REWARDS}
    gains = {f"update/{name}/gain": 0.3 - 0.1 * step * place for place, name in enumerate(REWARDS)}
    unfiltered = {f"{name}_unfiltered": value + 0.05 for name, value in gains.items()}
    timings = {"timing_s/step": 4.0, "timing_s/gen": 2.0, "timing_s/update_actor": 1.5, "timing_s/testing": 3.0}
    return {
        **rewards,
        **shares,
        **gains,
        **unfiltered,
        **timings,
        "conflict/rate": 0.5,
        "conflict/kept": 0.5,
        "conflict/masked": 0.5,
        "conflict/emptied_groups": 1.0,
        "groups/count": 4.0,
        "conflict/pair/harmless|useful": 0.5,
        "query_weight/mean": 0.5,
        "whiten/std": 1.5,
        "tokens/masked_share": 0.25,
        "rollouts/count": 8.0,
        "rollouts/unscored": 0.0,
        "response_length/mean": 100.0,
        "response_length/clip_ratio": 0.0,
    }


def _rollout(step: int, number: int, **changes: Any) -> dict[str, Any]:
    """A rollout of a query of two; its votes cancel the more the higher its number."""
    pull = 0.1 * number
    return {
        "input": f"prompt {number // 2}",
        "output": f"response {number} of step {step}",
        "gts": "",
        "score": 0.0,
        "step": step,
        "uid": f"q{number // 2}_{number % 2}_0",
        "reward/useful": 1.0,
        "reward/harmless": 0.0,
        "adv/useful": pull,
        "adv/harmless": -pull,
        "conflict": number > 0,
        "kept": number % 2 == 0,
        "query_weight": 0.5,
        "advantage": 0.0,
    } | changes


def _settings(estimator: str) -> dict[str, Any]:
    reward = {"weight": 1.0, "direction": "maximize", "requires": {}}
    settings: dict[str, Any] = {"estimator": estimator, "rewards": dict.fromkeys(REWARDS, reward)}
    if estimator == "gd2po":
        settings["filter"] = {"kind": "hard"}
    return settings | {"reweight": "keep_ratio", "norm_by_std": True, "whiten": "tokens", "missing": "drop"}


def _config(estimator: str, seed: int, steps: int | None, **changes: Any) -> Any:
    config = OmegaConf.create(
        {
            "run": {"seed": seed, "model": f"policy-seed{seed}"},
            "algorithm": {"adv_estimator": estimator},
            "data": {"seed": "${run.seed}", "train_files": f"/data/seed{seed}/train.parquet"},
            "trainer": {
                "total_training_steps": steps,
                "nnodes": 1,
                "n_gpus_per_node": 1,
                "v1": {"trainer_mode": "sync"},
            },
            "actor_rollout_ref": {
                "actor": {"strategy": "fsdp", "optim": {"lr": 1e-6}},
                "model": {"path": f"/models/policy-seed{seed}"},
                "rollout": {"n": 2, "seed": "${run.seed}"},
            },
            "reward": {"custom_reward_function": {"name": "score", "reward_kwargs": {"api_key": "tell-nobody"}}},
            "ray_kwargs": {"ray_init": {"at": "${now:%H}"}},
        }
    )
    for key, value in changes.items():
        OmegaConf.update(config, key.replace("__", "."), value)
    return config


class RunWriter:
    """Writes a run folder step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, estimator: str = "gd2po", seed: int = 1, steps: int | None = 4, **changes: Any) -> "RunWriter":
        place = self.folder / "hydra" / "2026-01-01_00-00-00" / ".hydra"
        place.mkdir(parents=True)
        OmegaConf.save(_config(estimator, seed, steps, **changes), place / "config.yaml")
        (self.folder / "gd2po_settings.json").write_text(json.dumps(_settings(estimator)))
        return self

    def started(self, time: str, steps: int, **versions: str) -> None:
        with (self.folder / "gd2po_starts.jsonl").open("a") as file:
            file.write(json.dumps({"time": time, "steps": steps, "versions": versions}) + "\n")

    def log(self, *steps: int, level: float = 0.0, file: str = "metrics_1.jsonl", **more: float) -> "RunWriter":
        """Lines of the file logger; more metrics have __ for /."""
        extra = {key.replace("__", "/"): value for key, value in more.items()}
        with (self.folder / file).open("a") as lines:
            for step in steps:
                lines.write(json.dumps({"step": step, "data": _metrics(step, level) | extra}) + "\n")
        return self

    def dump(self, step: int, rows: int = 8, changes: Mapping[int, Mapping[str, Any]] | None = None) -> "RunWriter":
        """verl's rollout dump of a step."""
        (self.folder / "rollouts").mkdir(exist_ok=True)
        rollouts = [_rollout(step, number, **(changes or {}).get(number, {})) for number in range(rows)]
        text = "".join(json.dumps(row) + "\n" for row in rollouts)
        (self.folder / "rollouts" / f"{step}.jsonl").write_text(text)
        return self

    def train(self, *steps: int, level: float = 0.0) -> "RunWriter":
        """Steps with metrics and rollouts."""
        self.log(*steps, level=level)
        for step in steps:
            self.dump(step)
        return self


@pytest.fixture(scope="session")
def run_in() -> Callable[[Path], RunWriter]:
    """A new folder of a run, to be written."""

    def make(folder: Path) -> RunWriter:
        folder.mkdir(parents=True)
        return RunWriter(folder)

    return make


@pytest.fixture
def new_run(run_in: Callable[[Path], RunWriter], tmp_path: Path) -> Callable[[str], RunWriter]:
    """The same by name, below ``runs``."""
    return lambda name: run_in(tmp_path / "runs" / name)
