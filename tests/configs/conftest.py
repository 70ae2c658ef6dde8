"""Composes shipped configurations over the configuration tree of the installed verl."""

import functools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

if find_spec("ray") is None:
    collect_ignore_glob = ["test_every_run.py", "test_published.py", "test_tool_calling.py", "test_safe_alignment.py"]
    collect_ignore_glob += ["test_trl_host.py", "test_math_reasoning.py", "test_coding.py"]
else:
    import verl
    from hydra import compose, initialize_config_dir

    HOST = Path(verl.__file__).parent / "trainer" / "config"

ROOT = Path(__file__).parents[2]
TRACKERS = ("TENSORBOARD_DIR", "WANDB_DIR", "VERL_FILE_LOGGER_PATH")


@pytest.fixture(autouse=True)
def no_tracker_folders_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in TRACKERS:
        monkeypatch.delenv(variable, raising=False)


@functools.cache
def _run(task: str, method: str, rewards: str, scale: str, *overrides: str) -> "DictConfig":
    """A run of tiny as scripts/train.sh composes it, with all interpolations resolved. Shared: copy it to change it."""
    chosen = [f"method={method}", f"rewards={rewards}", f"scale={scale}", "run.model=tiny"]
    chosen += ["actor_rollout_ref.model.path=/models/tiny"]
    with initialize_config_dir(str(ROOT / task / "config"), version_base=None):
        places = f"hydra.searchpath=[pkg://gd2po.configs,file://{HOST}]"
        config = compose("base", [places, *chosen, *overrides])
    OmegaConf.resolve(config)
    return config


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a plain tree or a configuration."""
    plain = tree if isinstance(tree, dict) else OmegaConf.to_container(tree)
    for key, value in plain.items():
        path = f"{prefix}{key}"
        yield from _leaves(value, f"{path}.") if isinstance(value, dict) else [(path, value)]


def _handed_over(function: Any) -> Any:
    """Hand a helper to tests as a fixture: nothing is ever imported from a folder named ``tests``."""
    return pytest.fixture(name=function.__name__.lstrip("_"), scope="session")(lambda: function)


run, leaves = _handed_over(_run), _handed_over(_leaves)


@pytest.fixture(scope="session")
def host_keys() -> set[str]:
    """Every key of verl's own configuration, with either training engine."""
    with initialize_config_dir(str(HOST), version_base=None):
        composed = [compose("ppo_trainer", [f"model_engine={engine}"]) for engine in ("dp", "megatron")]
    return {key for config in composed for key, _ in _leaves(config)}
