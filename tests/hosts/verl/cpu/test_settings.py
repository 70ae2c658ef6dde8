"""A configuration meant for GPUs, completed for this machine; choices of the user survive."""

import importlib.util
import pickle

import pytest
import yaml

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from gd2po.cpu_threads import thread_variables
from gd2po.errors import SettingsError
from gd2po.hosts.verl.cpu.preflight import check_cpu_run
from gd2po.hosts.verl.cpu.resources import RayNeeds, memory_needed
from gd2po.hosts.verl.cpu.settings import FIXED, prepare_config
from gd2po.pretrained.shape import count_weights

INIT = "ray_kwargs.ray_init"


@pytest.fixture(scope="module")
def stock(model_path):
    """verl's own configuration for one device."""
    overrides = ["algorithm.adv_estimator=grpo", "trainer.n_gpus_per_node=1"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        composed = compose("ppo_trainer", overrides=[*overrides, f"actor_rollout_ref.model.path={model_path}"])
    return pickle.dumps(composed)


@pytest.fixture
def config(stock, monkeypatch):
    """The same, with overrides."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def build(*overrides):
        composed = pickle.loads(stock)
        for override in overrides:
            key, _, value = override.partition("=")
            OmegaConf.update(composed, key, yaml.safe_load(value), force_add=True)
        return composed

    return build


@pytest.fixture
def prepared(config):
    """The same, completed."""

    def build(*overrides):
        composed = config(*overrides)
        prepare_config(composed)
        return composed

    return build


def test_every_setting_is_a_key_of_verl_or_is_added_on_purpose(config):
    added = {"mixed_precision", "attn_implementation", "include_dashboard", "VERL_PLATFORM"}
    composed = config()
    absent = {key.rsplit(".", 1)[1] for key in FIXED if OmegaConf.select(composed, key) is None}
    assert absent <= added


def test_nothing_needs_to_be_said(prepared):
    composed = prepared()
    check_cpu_run(composed)
    assert {key: OmegaConf.select(composed, key) for key in FIXED} == FIXED
    assert composed.actor_rollout_ref.rollout.name == "transformers"
    assert composed.actor_rollout_ref.rollout.tensor_model_parallel_size == 1


def test_completing_twice_changes_nothing(prepared):
    assert prepare_config(prepared()) == {}


def test_choices_survive(prepared):
    composed = prepared(
        "reward.num_workers=3",
        "actor_rollout_ref.model.use_remove_padding=False",
        "actor_rollout_ref.model.override_config.attn_implementation=eager",
        f"{INIT}.num_cpus=40",
        "trainer.v1.sampler.custom_sampler.path=mine.py",
        "trainer.v1.sampler.custom_sampler.name=Mine",
    )
    assert composed.reward.num_workers == 3
    assert composed.actor_rollout_ref.model.override_config.attn_implementation == "eager"
    assert composed.ray_kwargs.ray_init.num_cpus == 40
    assert composed.trainer.v1.sampler.custom_sampler.name == "Mine"


@pytest.mark.parametrize(("installed", "expected"), [(True, "vllm"), (False, "transformers")])
def test_an_engine_is_used_when_it_is_installed(prepared, monkeypatch, installed, expected):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed or None if name == "vllm" else find(name))
    assert prepared("actor_rollout_ref.rollout.name=vllm").actor_rollout_ref.rollout.name == expected


def test_ray_gets_what_the_actors_ask_for(prepared):
    composed = prepared("trainer.n_gpus_per_node=2")
    assert composed.ray_kwargs.ray_init.num_gpus == 2
    assert composed.ray_kwargs.ray_init.num_cpus == RayNeeds(devices=2, storage_units=1).cpus == 10


def test_a_pool_of_reward_models_counts(prepared):
    composed = prepared(
        *(f"reward.reward_model.{key}" for key in ("enable=True", "enable_resource_pool=True", "nnodes=1")),
        "reward.reward_model.n_gpus_per_node=2",
    )
    assert composed.ray_kwargs.ray_init.num_gpus == 3


def test_a_cluster_that_exists_is_not_told_its_size(prepared):
    composed = prepared(f"{INIT}.address=auto")
    assert composed.ray_kwargs.ray_init.num_cpus is None
    check_cpu_run(composed)


def test_a_worker_that_no_server_forks_waits_in_the_same_way(prepared):
    given = prepared().ray_kwargs.ray_init.runtime_env.env_vars
    assert thread_variables(1).items() <= dict(given).items()


def test_threads_of_the_environment_win(prepared, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert prepared().ray_kwargs.ray_init.runtime_env.env_vars.OMP_NUM_THREADS == "3"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"{INIT}.num_cpus=2"], r"num_cpus is 2, but this run's actors ask Ray for 7 .*1 TransferQueue storage"),
        (["transfer_queue.backend.SimpleStorage.num_data_storage_units=30", f"{INIT}.num_cpus=16"], "for 36"),
        ([f"{INIT}.num_gpus=1", "trainer.n_gpus_per_node=2"], "num_gpus is 1, but this run's actors ask Ray for 2"),
        (["actor_rollout_ref.rollout.tensor_model_parallel_size=4"], "tensor_model_parallel_size is 4.*set it to 1"),
        (["trainer.v1.trainer_mode=separate_async"], "trainer_mode is 'separate_async'"),
        (["algorithm.adv_estimator=gae"], "adv_estimator=gae trains a critic"),
        (["actor_rollout_ref.actor.strategy=megatron"], "strategy is 'megatron', but .* only 'fsdp2'"),
    ],
)
def test_a_run_that_would_hang_is_refused(prepared, overrides, message):
    with pytest.raises(SettingsError, match=message):
        check_cpu_run(prepared(*overrides))


def test_too_little_memory_is_said_before_the_kernel_says_it(prepared, monkeypatch):
    import psutil

    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=2**30))
    with pytest.raises(SettingsError, match=r"has 1\.0 GiB of memory available, and the run needs at least 3\.9"):
        check_cpu_run(prepared())


def test_no_port_is_said(prepared, monkeypatch):
    def refuse(self, address):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("socket.socket.bind", refuse, raising=False)
    with pytest.raises(SettingsError, match="no TCP port can be opened on this machine"):
        check_cpu_run(prepared())


def test_weights_are_counted_without_being_loaded(model, model_path, prepared):
    assert count_weights(str(model_path)) == model.num_parameters()
    assert count_weights("organisation/model-on-the-hub") == 0
    alone, with_reference = prepared(), prepared("actor_rollout_ref.actor.use_kl_loss=True")
    assert memory_needed(with_reference) - memory_needed(alone) == 4 * model.num_parameters()


@pytest.mark.parametrize(("precision", "passes"), [("float32", "fp32"), ("bfloat16", "bf16")])
def test_passes_and_rollouts_have_the_precision_that_pays_here(prepared, monkeypatch, precision, passes):
    monkeypatch.setenv("GD2PO_CPU_PRECISION", precision)
    role = prepared().actor_rollout_ref
    for engine in (role.actor.fsdp_config, role.ref.fsdp_config):
        assert engine.mixed_precision == {"param_dtype": passes, "reduce_dtype": "fp32", "buffer_dtype": "fp32"}
        assert engine.model_dtype == "fp32"  # the weights that the optimiser changes
    assert role.rollout.dtype == precision
