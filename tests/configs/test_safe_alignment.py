"""What is particular to the safe-alignment configuration: reward models on GPUs, colocated or on their own."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from verl.utils.config import omega_conf_to_dataclass

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import is_colocated, models_of, own_devices
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.hosts.verl.reward_models.configuration import check_reward_models
from gd2po.hosts.verl.reward_models.placement import verl_config

TASK = "safe-alignment"
SETS = {
    "useful_harmless": {"useful": ("helpfulness", "scalar", "maximize"), "harmless": ("safety", "scalar", "maximize")},
    "helpful_safe": {"helpful": ("helpfulness", "scalar", "maximize"), "safe": ("safety", "scalar", "maximize")},
    "helpful_guard": {"helpful": ("helpfulness", "scalar", "maximize"), "unsafe": ("safety", "guard", "minimize")},
    "toy": {"useful": ("helpfulness", "scalar", "maximize"), "harmless": ("safety", "scalar", "maximize")},
}
FOLDER = Path(__file__).parents[2] / TASK / "config" / "rewards"
EVERY_SET = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("rewards", SETS)
def test_each_set_declares_its_models(rewards: str, run) -> None:
    settings = check_run(run(TASK, "gd2po_hard", rewards, "8gpu"))
    found = {
        name: (reward.model.measures, reward.model.kind, reward.direction) for name, reward in settings.rewards.items()
    }
    assert found == SETS[rewards]


def test_no_set_is_overlooked() -> None:
    assert set(SETS) <= set(EVERY_SET)


@pytest.mark.parametrize("rewards", EVERY_SET)
def test_on_8_gpus_vllm_serves_each_model_colocated(rewards: str, run) -> None:
    config = run(TASK, "gd2po_snr", rewards, "8gpu")
    settings = check_run(config)
    assert is_colocated(settings)
    for _, model in models_of(settings):
        block = verl_config(config, model)
        servers = omega_conf_to_dataclass(block.rollout)
        assert (servers.name, servers.free_cache_engine, servers.skip_tokenizer_init) == ("vllm", True, False)
        assert block.n_gpus_per_node * block.nnodes // servers.tensor_model_parallel_size == 8
        assert servers.prompt_length + servers.response_length > model.max_length


def test_models_on_gpus_of_their_own_score_beside_the_rollouts(run) -> None:
    own = [f"algorithm.gd2po.rewards.{name}.model.placement=own_gpus" for name in ("useful", "harmless")]
    more = ["+algorithm.gd2po.rewards.harmless.model.replicas=2", "trainer.n_gpus_per_node=5"]
    config = run(TASK, "gd2po_snr", "useful_harmless", "8gpu", *own, *more)
    settings = check_run(config)
    assert not is_colocated(settings)
    assert own_devices(models_of(settings)) == {"useful": 1, "harmless": 2}
    blocks = {name: verl_config(config, model) for name, model in models_of(settings)}
    assert [blocks[name].n_gpus_per_node for name in ("useful", "harmless")] == [1, 2]
    assert not any(block.rollout.free_cache_engine for block in blocks.values())


def test_a_running_server_and_sglang_compose_too(run) -> None:
    overrides = ["algorithm.gd2po.rewards.safe.model.placement=server"]
    overrides += ["+algorithm.gd2po.rewards.safe.model.url=[http://10.0.0.5:8000,http://10.0.0.6:8000]"]
    overrides += ["+algorithm.gd2po.rewards.helpful.model.engine=sglang"]
    config = run(TASK, "gdpo", "helpful_safe", "8gpu", *overrides)
    models = dict(models_of(check_run(config)))
    assert models["safe"].url == ("http://10.0.0.5:8000", "http://10.0.0.6:8000")
    assert verl_config(config, models["helpful"]).rollout.name == "sglang"


def test_models_that_are_not_there_are_named_before_anything_starts(run) -> None:
    config = run(TASK, "gd2po_hard", "useful_harmless", "8gpu").copy()
    with pytest.raises(Exception, match=r"reward model \./models/useful"):
        check_reward_models(config, check_run(config))


def test_it_reads_the_three_validation_sets(run) -> None:
    files = run(TASK, "gd2po_hard", "helpful_safe", "8gpu").data.val_files
    assert [path.split("/")[1] for path in files] == ["alpaca", "hh_rlhf", "pku_saferlhf"]


def test_a_second_manager_is_refused(run) -> None:
    url = [
        "+algorithm.gd2po.rewards.safe.model.url=[http://a:1]",
        "algorithm.gd2po.rewards.safe.model.placement=server",
    ]
    url += [
        "+algorithm.gd2po.rewards.helpful.model.url=[http://a:1]",
        "algorithm.gd2po.rewards.helpful.model.placement=server",
    ]
    config = run(TASK, "gd2po_hard", "helpful_safe", "8gpu", *url, "reward.reward_manager.name=dapo").copy()
    with pytest.raises(SettingsError, match=r"reward_manager\.name is 'dapo'"):
        check_reward_models(config, check_run(config))


def test_nothing_is_missing(run) -> None:
    assert OmegaConf.missing_keys(run(TASK, "gdpo", "helpful_safe", "8gpu")) == set()
