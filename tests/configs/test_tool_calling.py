"""Every shipped tool-calling configuration, composed over the configuration tree of the installed verl."""

import itertools
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ray") is None:
    pytest.skip("verl's trainer is not installed", allow_module_level=True)

import verl
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from verl.trainer.ppo.reward import get_custom_reward_fn
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config

from gd2po.integration.run_settings import check_run

CONFIG = Path(__file__).parents[2] / "tool-calling" / "config"
HOST = Path(verl.__file__).parent / "trainer" / "config"
FILES = sorted(CONFIG.rglob("*.yaml"))
METHODS = [path.stem for path in sorted((CONFIG / "method").glob("*.yaml"))]
REWARDS = [path.stem for path in sorted((CONFIG / "rewards").glob("*.yaml"))]
SCALES = [path.stem for path in sorted((CONFIG / "scale").glob("*.yaml"))]
RUNS = list(itertools.product(METHODS, REWARDS, SCALES))
ENVIRONMENT = "ray_kwargs.ray_init.runtime_env.env_vars"
OURS = ("run", "algorithm.gd2po", "reward.custom_reward_function.reward_kwargs", ENVIRONMENT, "hydra", "defaults")

PUBLISHED = {
    "data.train_batch_size": 512,
    "data.max_prompt_length": 2048,
    "data.max_response_length": 1024,
    "data.filter_overlong_prompts": True,
    "data.truncation": "left",
    "data.shuffle": True,
    "data.seed": 1,
    "actor_rollout_ref.model.use_remove_padding": True,
    "actor_rollout_ref.model.enable_gradient_checkpointing": True,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 128,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.use_dynamic_bsz": True,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 16384,
    "actor_rollout_ref.actor.clip_ratio": 0.2,
    "actor_rollout_ref.actor.clip_ratio_c": 3.0,
    "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
    "actor_rollout_ref.actor.entropy_coeff": 0,
    "actor_rollout_ref.actor.use_kl_loss": False,
    "actor_rollout_ref.actor.grad_clip": 1.0,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
    "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": 0.0,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.999],
    "actor_rollout_ref.actor.optim.weight_decay": 0.01,
    "actor_rollout_ref.actor.fsdp_config.param_offload": False,
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": False,
    "actor_rollout_ref.rollout.name": "vllm",
    "actor_rollout_ref.rollout.n": 4,
    "actor_rollout_ref.rollout.temperature": 1.0,
    "actor_rollout_ref.rollout.top_p": 1,
    "actor_rollout_ref.rollout.gpu_memory_utilization": 0.6,
    "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
    "actor_rollout_ref.rollout.log_prob_use_dynamic_bsz": True,
    "algorithm.use_kl_in_reward": False,
    "algorithm.norm_adv_by_std_in_grpo": True,
    "trainer.total_epochs": 30,
    "trainer.save_freq": 5,
    "trainer.test_freq": 10,
    "trainer.val_before_train": True,
    "trainer.nnodes": 1,
    "trainer.n_gpus_per_node": 8,
    "trainer.logger": ["console", "tensorboard"],
}
MACHINE = {
    "actor_rollout_ref.actor.fsdp_config.param_offload",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload",
    "actor_rollout_ref.rollout.n_gpus_per_node",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
}
"""What may differ between scales whose results are to be compared."""

Run = tuple[str, str, str]


@pytest.fixture(autouse=True)
def no_tracker_folders_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TENSORBOARD_DIR", "WANDB_DIR", "VERL_FILE_LOGGER_PATH"):
        monkeypatch.delenv(variable, raising=False)


def run(method: str, rewards: str, scale: str, *overrides: str) -> DictConfig:
    chosen = [f"method={method}", f"rewards={rewards}", f"scale={scale}", "run.model=tiny"]
    chosen += ["actor_rollout_ref.model.path=/models/tiny"]
    with initialize_config_dir(str(CONFIG), version_base=None):
        config = compose("base", [f"hydra.searchpath=[file://{HOST}]", *chosen, *overrides])
    OmegaConf.resolve(config)
    return config


@pytest.fixture(scope="module")
def host_keys() -> set[str]:
    with initialize_config_dir(str(HOST), version_base=None):
        return {key for key, _ in leaves(OmegaConf.to_container(compose("ppo_trainer")))}


@pytest.fixture(scope="module")
def runs() -> dict[Run, DictConfig]:
    return {chosen: run(*chosen) for chosen in RUNS}


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a plain tree."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        yield from leaves(value, f"{path}.") if isinstance(value, dict) else [(path, value)]


def test_the_shipped_variants() -> None:
    assert METHODS == ["gd2po_hard", "gd2po_snr", "gdpo", "grpo"]
    assert REWARDS == ["correctness_length", "correctness_length_format"]
    assert SCALES == ["1gpu", "8gpu", "cpu", "multinode"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_sets_only_what_verl_has(path: Path, host_keys: set[str]) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 70
    settings = [key for key, _ in leaves(OmegaConf.to_container(OmegaConf.load(path))) if not key.startswith(OURS)]
    assert [key for key in settings if key not in host_keys] == []


@pytest.mark.parametrize("chosen", RUNS, ids="-".join)
class TestEveryRun:
    def test_nothing_is_missing_but_the_reward_model_it_does_not_use(self, chosen: Run, runs: dict) -> None:
        assert OmegaConf.missing_keys(runs[chosen]) == {"reward.reward_model.rollout.name"}

    def test_verl_accepts_it(self, chosen: Run, runs: dict) -> None:
        config = runs[chosen].copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # verl warns that there is no critic
            critic = need_critic(config)
        assert (critic, need_reference_policy(config)) == (False, False)
        verls_own = validate_config.__wrapped__  # ours would adapt it to a machine without GPU first
        verls_own(config, use_reference_policy=False, use_critic=False)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout.checkpoint_engine)

    def test_we_accept_it(self, chosen: Run, runs: dict) -> None:
        method, rewards, _ = chosen
        settings = check_run(runs[chosen])
        assert settings is not None
        assert settings.estimator == method.split("_")[0]
        assert set(settings.rewards) == set(rewards.split("_"))
        assert all(reward.weight == 1 for reward in settings.rewards.values())
        if settings.uses_filter:
            assert settings.filter.kind == method.removeprefix("gd2po_")
            assert settings.filter.threshold == 0.8

    def test_batches_divide_among_the_workers(self, chosen: Run, runs: dict) -> None:
        config = runs[chosen]
        prompts, rollouts = config.data.train_batch_size, config.actor_rollout_ref.rollout.n
        mini_batch = config.actor_rollout_ref.actor.ppo_mini_batch_size
        workers = config.trainer.nnodes * config.trainer.n_gpus_per_node
        assert prompts % mini_batch == 0
        assert mini_batch * rollouts % workers == 0

    def test_the_reward_function_scores_what_the_run_declares(self, chosen: Run, runs: dict) -> None:
        gold = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
        scores = get_custom_reward_fn(runs[chosen])(data_source="rlla", solution_str=gold, ground_truth=gold)
        assert scores == {"score": 4.0 if "format" in chosen[1] else 3.0, "correctness": 3, "format": 1, "length": 0}

    def test_what_a_run_writes_lies_in_its_own_folder(self, chosen: Run, runs: dict) -> None:
        trainer, environment = runs[chosen].trainer, OmegaConf.select(runs[chosen], ENVIRONMENT)
        assert trainer.default_local_dir == f"checkpoints/gd2po/{trainer.experiment_name}"
        written = [trainer.rollout_data_dir, trainer.validation_data_dir, environment.TENSORBOARD_DIR]
        written += [environment.VERL_FILE_LOGGER_PATH, f"{environment.WANDB_DIR}/wandb"]
        assert all(path.startswith(trainer.default_local_dir + "/") for path in written)
        assert len(set(written)) == len(written)


@pytest.mark.parametrize(("method", "rewards"), list(itertools.product(METHODS, REWARDS)))
class TestPublished:
    def test_hyper_parameters(self, method: str, rewards: str, runs: dict) -> None:
        found = {key: OmegaConf.select(runs[method, rewards, "8gpu"], key, throw_on_missing=True) for key in PUBLISHED}
        assert found == PUBLISHED

    @pytest.mark.parametrize("scale", ["1gpu", "multinode"])
    def test_other_gpu_scales_train_the_same(self, method: str, rewards: str, scale: str, runs: dict) -> None:
        then, now = (dict(leaves(OmegaConf.to_container(runs[method, rewards, name]))) for name in ("8gpu", scale))
        names = ("run.scale", "trainer.experiment_name", "_dir", "_DIR", "_PATH", ".experiment_name")
        assert {key for key in then if then[key] != now[key] and not key.endswith(names)} <= MACHINE


def test_8gpu_is_the_default() -> None:
    assert OmegaConf.load(CONFIG / "base.yaml").defaults[-1] == {"scale": "8gpu"}


def test_the_environment_decides_where_trackers_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORBOARD_DIR", "/elsewhere")
    environment = OmegaConf.select(run("gdpo", "correctness_length", "cpu"), ENVIRONMENT)
    assert environment.TENSORBOARD_DIR == "/elsewhere"
    assert environment.WANDB_DIR.startswith("checkpoints/")


def test_no_two_runs_share_a_name(runs: dict) -> None:
    chosen = ("gd2po_snr", "correctness_length", "8gpu")
    others = [
        run(*chosen, change) for change in ("run.seed=2", "run.model=big", "algorithm.gd2po.filter.threshold=0.5")
    ]
    names = [config.trainer.experiment_name for config in [*runs.values(), *others]]
    assert len(set(names)) == len(names) == len(RUNS) + 3
    assert runs[chosen].trainer.experiment_name == "tool-calling_correctness_length_gd2po_snr0.8_tiny_8gpu_seed1"


@pytest.mark.parametrize("key", ["run.model", "actor_rollout_ref.model.path"])
def test_a_run_without_a_model_is_refused(key: str) -> None:
    with pytest.raises(MissingMandatoryValue):
        OmegaConf.to_container(run("gdpo", "correctness_length", "8gpu", f"{key}=???"), throw_on_missing=True)


def test_the_seed_of_a_run_reaches_every_generator_of_verl() -> None:
    config = run("gdpo", "correctness_length", "8gpu", "run.seed=7")
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    assert [config.data.seed, rollout.seed, actor.data_loader_seed] == [7, 7, 7]


def test_weights_and_options_can_be_overridden() -> None:
    options = "+reward.custom_reward_function.reward_kwargs.target_words=32"
    config = run("gdpo", "correctness_length", "8gpu", "algorithm.gd2po.rewards.length.weight=0.5", options)
    assert check_run(config).rewards["length"].weight == 0.5
    gold = "<think> one two three four </think>\n<response> done </response>"
    scored = get_custom_reward_fn(config)(data_source="rlla", solution_str=gold, ground_truth=gold)
    assert scored["length"] == 0.12
