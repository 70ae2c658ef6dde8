"""A run's paths mean the same in every process, wherever Ray starts it."""

import os

from omegaconf import OmegaConf
from verl.utils.config import validate_config

from gd2po.hosts.verl.lifecycle.run_paths import make_absolute

AB = ["algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards.a.weight=1.0", "+algorithm.gd2po.rewards.b.weight=1.0"]


def test_what_is_written_and_what_exists_becomes_absolute(verl_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.parquet").touch()
    config = verl_config(
        "trainer.default_local_dir=runs/one",
        "trainer.rollout_data_dir=${trainer.default_local_dir}/rollouts",
        "data.train_files=[train.parquet,absent.parquet]",
        "data.val_files=hdfs://there/test.parquet",
        "actor_rollout_ref.model.path=Qwen/Qwen2.5-1.5B-Instruct",
    )
    make_absolute(config)
    assert config.trainer.default_local_dir == f"{tmp_path}/runs/one"
    assert config.trainer.rollout_data_dir == f"{tmp_path}/runs/one/rollouts"
    assert config.trainer.validation_data_dir is None
    assert config.data.train_files == [f"{tmp_path}/train.parquet", "absent.parquet"]
    assert config.data.val_files == "hdfs://there/test.parquet"
    assert config.actor_rollout_ref.model.path == "Qwen/Qwen2.5-1.5B-Instruct"


def test_environment_variables_reach_ray_as_values(verl_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variable = "+ray_kwargs.ray_init.runtime_env.env_vars.TENSORBOARD_DIR=${trainer.default_local_dir}/tensorboard"
    config = verl_config(*AB, "trainer.default_local_dir=run", variable, "actor_rollout_ref.actor.use_dynamic_bsz=true")
    validate_config(config, use_reference_policy=False, use_critic=False)
    environment = OmegaConf.to_container(config.ray_kwargs)["ray_init"]["runtime_env"]["env_vars"]  # as verl does it
    assert environment["TENSORBOARD_DIR"] == os.path.join(tmp_path, "run", "tensorboard")


def test_paths_of_plug_ins_are_made_absolute_and_import_paths_stay(verl_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").touch()
    (tmp_path / "my_lab").mkdir()
    config = verl_config("algorithm.adv_estimator=gd2po", "+algorithm.gd2po.plugins=[mine.py, my_lab]")
    make_absolute(config)
    assert list(config.algorithm.gd2po.plugins) == [str(tmp_path / "mine.py"), "my_lab"]
