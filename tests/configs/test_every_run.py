"""What holds for every task, method, set of rewards and scale that is shipped."""

import inspect
import itertools
import warnings
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config

from gd2po.hosts.verl.reading.run_settings import check_run

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "verl" / "gd2po" / "configs"
TASKS = {path.parent.parent.name: path.parent for path in sorted(ROOT.glob("*/config/base.yaml"))}
FILES = sorted(path for folder in (*TASKS.values(), SHARED) for path in folder.rglob("*.yaml"))
METHODS, SCALES = ([path.stem for path in sorted((SHARED / group).glob("*.yaml"))] for group in ("method", "scale"))
REWARDS = [(task, path.stem) for task in TASKS for path in sorted((TASKS[task] / "rewards").glob("*.yaml"))]
FIRST = dict(reversed(REWARDS))
"""Task → a set of its rewards: all methods and scales are tried with it, the other sets with one method."""
RUNS = [(task, method, rewards, "8gpu") for (task, rewards), method in itertools.product(FIRST.items(), METHODS)]
RUNS += [(task, "gdpo", rewards, "8gpu") for task, rewards in REWARDS if FIRST[task] != rewards]
RUNS += [(task, "gd2po_snr", rewards, scale) for task, rewards in FIRST.items() for scale in SCALES if scale != "8gpu"]
ENVIRONMENT = "ray_kwargs.ray_init.runtime_env.env_vars"
OURS = ("run", "algorithm.gd2po", "reward.custom_reward_function.reward_kwargs", ENVIRONMENT, "hydra", "defaults")

Run = tuple[str, str, str, str]


def test_no_variant_is_overlooked() -> None:
    assert {"safe-alignment", "tool-calling", "math-reasoning", "coding"} <= set(TASKS)
    assert {"gd2po_hard", "gd2po_snr", "gdpo", "grpo"} <= set(METHODS)
    assert {"1gpu", "8gpu", "cpu", "multinode"} <= set(SCALES)
    assert len(REWARDS) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_sets_only_what_verl_has(path: Path, host_keys: set[str], leaves) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 70
    settings = [key for key, _ in leaves(OmegaConf.load(path)) if not key.startswith(OURS)]
    assert [key for key in settings if key not in host_keys] == []


@pytest.mark.parametrize("chosen", RUNS, ids="-".join, scope="class")  # one after another: each run is composed once
class TestEveryRun:
    def test_verl_accepts_it(self, chosen: Run, run) -> None:
        config = run(*chosen).copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # verl warns that there is no critic
            critic = need_critic(config)
        reference = need_reference_policy(config)
        assert (critic, reference) == (False, config.actor_rollout_ref.actor.use_kl_loss)
        verls_own = inspect.unwrap(validate_config)  # ours would adapt it to a machine without GPU first
        verls_own(config, use_reference_policy=reference, use_critic=False)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout.checkpoint_engine)

    def test_we_accept_it(self, chosen: Run, run) -> None:
        method = chosen[1]
        settings = check_run(run(*chosen))
        assert settings is not None
        assert settings.estimator == method.split("_")[0]
        assert all(reward.weight == 1 for reward in settings.rewards.values())
        if settings.filter:
            assert settings.filter.kind == method.removeprefix("gd2po_")
            assert settings.filter.kind != "snr" or settings.filter.options.threshold == 0.8

    def test_batches_divide_among_the_workers(self, chosen: Run, run) -> None:
        config = run(*chosen)
        prompts, rollouts = config.data.train_batch_size, config.actor_rollout_ref.rollout.n
        mini_batch = config.actor_rollout_ref.actor.ppo_mini_batch_size
        workers = config.trainer.nnodes * config.trainer.n_gpus_per_node
        assert prompts % mini_batch == 0
        assert mini_batch * rollouts % workers == 0

    def test_what_a_run_writes_lies_in_its_own_folder(self, chosen: Run, run) -> None:
        trainer, environment = run(*chosen).trainer, OmegaConf.select(run(*chosen), ENVIRONMENT)
        assert trainer.default_local_dir == f"checkpoints/gd2po/{trainer.experiment_name}"
        written = [trainer.rollout_data_dir, trainer.validation_data_dir, environment.TENSORBOARD_DIR]
        written += [environment.VERL_FILE_LOGGER_PATH, f"{environment.WANDB_DIR}/wandb"]
        assert all(path.startswith(trainer.default_local_dir + "/") for path in written)
        assert len(set(written)) == len(written)


def test_8gpu_is_the_default() -> None:
    for folder in TASKS.values():
        assert OmegaConf.load(folder / "base.yaml").defaults[-1] == {"scale": "8gpu"}


def test_the_environment_decides_where_trackers_write(monkeypatch: pytest.MonkeyPatch, run) -> None:
    monkeypatch.setenv("TENSORBOARD_DIR", "/elsewhere")
    environment = OmegaConf.select(run("tool-calling", "gdpo", "correctness_length", "cpu", "run.seed=9"), ENVIRONMENT)
    assert environment.TENSORBOARD_DIR == "/elsewhere"
    assert environment.WANDB_DIR.startswith("checkpoints/")


def test_no_two_runs_share_a_name(run) -> None:
    chosen = ("tool-calling", "gd2po_snr", "correctness_length", "8gpu")
    others = [
        run(*chosen, change) for change in ("run.seed=2", "run.model=big", "algorithm.gd2po.filter.threshold=0.5")
    ]
    names = [config.trainer.experiment_name for config in [*(run(*each) for each in RUNS), *others]]
    assert len(set(names)) == len(names) == len(RUNS) + 3
    assert run(*chosen).trainer.experiment_name == "tool-calling_correctness_length_gd2po_snr0.8_tiny_8gpu_seed1"


def test_the_seed_of_a_run_reaches_every_generator_of_verl(run) -> None:
    config = run("safe-alignment", "gdpo", "helpful_safe", "8gpu", "run.seed=7")
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    assert [config.data.seed, rollout.seed, actor.data_loader_seed] == [7, 7, 7]
