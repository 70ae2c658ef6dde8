"""From named models to verl's own configuration, and several of verl's managers side by side."""

import pytest
from verl.experimental.reward_loop import reward_model as host
from verl.utils.config import omega_conf_to_dataclass

from gd2po.hosts.verl.cpu.resources import RayNeeds, memory_needed
from gd2po.hosts.verl.reading.names import ENGINE, own_devices
from gd2po.hosts.verl.reward_models.placement import NamedRewardModelManager, verl_config


def placed(verl_config_of_run, settings, name):
    """The block that verl's manager gets, with the servers' part as it reads it."""
    block = verl_config(verl_config_of_run, settings.rewards[name].model)
    return block, omega_conf_to_dataclass(block.rollout)


@pytest.fixture
def run(verl_config):
    return verl_config("actor_rollout_ref.rollout.name=vllm", "trainer.nnodes=2", "trainer.n_gpus_per_node=8")


def test_a_colocated_model_has_the_trainers_devices_and_sleeps(run, model_settings):
    settings = model_settings(useful={"path": "/m", "max_length": 1000, "gpu_memory": 0.25})
    block, servers = placed(run, settings, "useful")
    assert (block.enable, block.model_path, block.n_gpus_per_node, block.nnodes) == (True, "/m", 8, 2)
    assert (servers.name, servers.tensor_model_parallel_size) == ("vllm", 1)
    assert (servers.gpu_memory_utilization, servers.free_cache_engine) == (0.25, True)
    assert servers.prompt_length + servers.response_length == 1001


def test_a_model_on_its_own_gpus_has_its_replicas_and_stays_awake(run, model_settings):
    own = {"path": "/m", "placement": "own_gpus", "replicas": 3, "tensor_parallel": 2, "engine": "sglang"}
    settings = model_settings(useful=own, harmless={"path": "/n"})
    block, servers = placed(run, settings, "useful")
    assert (block.n_gpus_per_node, block.nnodes, servers.name) == (6, 1, "sglang")
    assert (servers.tensor_model_parallel_size, servers.free_cache_engine) == (2, False)
    models = [(name, reward.model) for name, reward in settings.rewards.items()]
    assert own_devices(models) == {"useful": 6}


def test_what_the_run_says_of_all_reward_models_is_kept(verl_config, model_settings):
    run = verl_config("actor_rollout_ref.rollout.name=vllm", "reward.reward_model.rollout.max_num_seqs=64")
    _, servers = placed(run, model_settings(useful={"path": "/m"}), "useful")
    assert servers.max_num_seqs == 64


def test_on_cpu_our_server_serves_it(verl_config, model_settings):
    run = verl_config("actor_rollout_ref.rollout.name=transformers")
    block, _ = placed(run, model_settings(useful={"path": "/m", "kind": "guard"}), "useful")
    assert block.rollout.name == ENGINE
    assert block.rollout.engine_kwargs[ENGINE].kind == "guard"


def test_on_cpu_an_engine_of_verl_asks_ray_for_more_than_our_server(verl_config, model_overrides):
    def config(**model):
        own = model_overrides("useful", path="/m", placement="own_gpus", replicas=2, **model)
        policy = ["actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.model.path=/p"]
        return verl_config("algorithm.adv_estimator=gd2po", *policy, *own)

    ours, verls = config(engine="transformers"), config()
    assert RayNeeds.of(ours).all_devices == RayNeeds.of(verls).all_devices
    assert RayNeeds.of(verls).cpus - RayNeeds.of(ours).cpus == 4  # two for each of two replicas
    assert 2 << 30 < memory_needed(verls) - memory_needed(ours) < 4 << 30


def test_servers_of_two_models_have_names_of_their_own(run, model_settings, replicas):
    """verl names the Ray actors of a reward model by replica alone; a second model would take the first one's names."""
    for name in ("useful", "harmless"):
        settings = model_settings(**{name: {"path": "/m", "placement": "own_gpus", "replicas": 2}})
        NamedRewardModelManager(name, verl_config(run, settings.rewards[name].model))
    assert [replica.name for replica in replicas] == ["useful", "useful", "harmless", "harmless"]
    host.get_rollout_replica_class("vllm")(name_suffix="of verl", replica_rank=0)
    assert replicas[-1].name == "of verl", "other servers keep the names that verl gives them"
