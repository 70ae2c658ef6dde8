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
RUNS = list(itertools.product(METHODS, REWARDS))
OURS = ("run", "algorithm.gd2po", "reward.custom_reward_function.reward_kwargs", "hydra", "defaults")

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
    "trainer.n_gpus_per_node": 8,
    "trainer.logger": ["console", "tensorboard"],
}


def run(method: str, rewards: str, *overrides: str) -> DictConfig:
    chosen = [f"method={method}", f"rewards={rewards}", "run.model=tiny", "actor_rollout_ref.model.path=/models/tiny"]
    with initialize_config_dir(str(CONFIG), version_base=None):
        config = compose("base", [f"hydra.searchpath=[file://{HOST}]", *chosen, *overrides])
    OmegaConf.resolve(config)
    return config


@pytest.fixture(scope="module")
def host_keys() -> set[str]:
    with initialize_config_dir(str(HOST), version_base=None):
        return set(leaves(OmegaConf.to_container(compose("ppo_trainer"))))


@pytest.fixture(scope="module")
def runs() -> dict[tuple[str, str], DictConfig]:
    return {pair: run(*pair) for pair in RUNS}


def leaves(tree: Any, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        yield from leaves(value, f"{path}.") if isinstance(value, dict) else [path]


def test_the_shipped_variants() -> None:
    assert METHODS == ["gd2po_hard", "gd2po_snr", "gdpo", "grpo"]
    assert REWARDS == ["correctness_length", "correctness_length_format"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_sets_only_what_verl_has(path: Path, host_keys: set[str]) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    settings = [key for key in leaves(OmegaConf.to_container(OmegaConf.load(path))) if not key.startswith(OURS)]
    assert [key for key in settings if key not in host_keys] == []


@pytest.mark.parametrize("pair", RUNS, ids="-".join)
class TestEveryRun:
    def test_nothing_is_missing_but_the_reward_model_it_does_not_use(self, pair: tuple[str, str], runs: dict) -> None:
        assert OmegaConf.missing_keys(runs[pair]) == {"reward.reward_model.rollout.name"}

    def test_published_hyper_parameters(self, pair: tuple[str, str], runs: dict) -> None:
        found = {key: OmegaConf.select(runs[pair], key, throw_on_missing=True) for key in PUBLISHED}
        assert found == PUBLISHED

    def test_verl_accepts_it(self, pair: tuple[str, str], runs: dict) -> None:
        config = runs[pair].copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # verl warns that there is no critic
            critic = need_critic(config)
        assert (critic, need_reference_policy(config)) == (False, False)
        validate_config(config, use_reference_policy=False, use_critic=False)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout.checkpoint_engine)

    def test_we_accept_it(self, pair: tuple[str, str], runs: dict) -> None:
        settings = check_run(runs[pair])
        assert settings is not None
        assert settings.estimator == pair[0].split("_")[0]
        assert set(settings.rewards) == set(pair[1].split("_"))
        assert all(reward.weight == 1 for reward in settings.rewards.values())
        if settings.uses_filter:
            assert settings.filter.kind == pair[0].removeprefix("gd2po_")
            assert settings.filter.threshold == 0.8

    def test_the_reward_function_scores_what_the_run_declares(self, pair: tuple[str, str], runs: dict) -> None:
        gold = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
        scores = get_custom_reward_fn(runs[pair])(data_source="rlla", solution_str=gold, ground_truth=gold)
        assert scores == {"score": 4.0 if "format" in pair[1] else 3.0, "correctness": 3, "format": 1, "length": 0}

    def test_what_a_run_writes_lies_in_its_own_folder(self, pair: tuple[str, str], runs: dict) -> None:
        trainer = runs[pair].trainer
        assert trainer.default_local_dir == f"checkpoints/gd2po/{trainer.experiment_name}"
        assert trainer.rollout_data_dir.startswith(trainer.default_local_dir + "/")
        assert trainer.validation_data_dir.startswith(trainer.default_local_dir + "/")
        assert trainer.rollout_data_dir != trainer.validation_data_dir


def test_no_two_runs_share_a_name(runs: dict) -> None:
    pair = ("gd2po_snr", "correctness_length")
    others = [run(*pair, change) for change in ("run.seed=2", "run.model=big", "algorithm.gd2po.filter.threshold=0.5")]
    names = [config.trainer.experiment_name for config in [*runs.values(), *others]]
    assert len(set(names)) == len(names) == len(RUNS) + 3
    assert runs[pair].trainer.experiment_name == "tool-calling_correctness_length_gd2po_snr0.8_tiny_seed1"


@pytest.mark.parametrize("key", ["run.model", "actor_rollout_ref.model.path"])
def test_a_run_without_a_model_is_refused(key: str) -> None:
    with pytest.raises(MissingMandatoryValue):
        OmegaConf.to_container(run("gdpo", "correctness_length", f"{key}=???"), throw_on_missing=True)


def test_the_seed_of_a_run_reaches_every_generator_of_verl() -> None:
    config = run("gdpo", "correctness_length", "run.seed=7")
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    assert [config.data.seed, rollout.seed, actor.data_loader_seed] == [7, 7, 7]


def test_weights_and_options_can_be_overridden() -> None:
    options = "+reward.custom_reward_function.reward_kwargs.target_words=32"
    config = run("gdpo", "correctness_length", "algorithm.gd2po.rewards.length.weight=0.5", options)
    assert check_run(config).rewards["length"].weight == 0.5
    gold = "<think> one two three four </think>\n<response> done </response>"
    scored = get_custom_reward_fn(config)(data_source="rlla", solution_str=gold, ground_truth=gold)
    assert scored["length"] == 0.12
