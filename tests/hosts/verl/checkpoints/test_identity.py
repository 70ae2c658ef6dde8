"""A checkpoint is continued by its own experiment only."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import DictConfig
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.trainer.ppo.v1.trainer_base import PPOTrainer
from verl.utils.config import validate_config

from gd2po.errors import SettingsError
from gd2po.hosts.verl.checkpoints import identity as run_identity
from gd2po.hosts.verl.checkpoints.identity import check
from gd2po.hosts.verl.lifecycle import run_paths
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.runs.identity import IDENTITY_FILE

AB = ["+algorithm.gd2po.rewards.a.weight=1.0", "+algorithm.gd2po.rewards.b.weight=1.0"]
BASE = ["algorithm.adv_estimator=gd2po", *AB, "+run.seed=1", "actor_rollout_ref.model.path=hub/model"]


@pytest.fixture
def run_of(verl_config, tmp_path):
    """The configuration of a run in one folder."""

    def run_of(*overrides: str) -> DictConfig:
        return verl_config(*BASE, f"trainer.default_local_dir={tmp_path}/run", *overrides)

    return run_of


def save(config: DictConfig, step: int) -> Path:
    """A checkpoint as verl's trainer leaves it: our wrapper around a save that writes nothing but the tracker file."""

    def original(trainer: Any) -> None:
        Path(config.trainer.default_local_dir, "latest_checkpointed_iteration.txt").write_text(str(step))

    run_identity.wrap_save_checkpoint(original)(SimpleNamespace(config=config, global_steps=step))
    return Path(config.trainer.default_local_dir, f"global_step_{step}")


def refusal(config: DictConfig) -> str:
    with pytest.raises(SettingsError) as error:
        check(config, settings_of(config))
    return str(error.value)


def rows(text: str) -> dict[str, list[str]]:
    """The refusal's table: setting → its values then and now."""
    table = text.split("\n\n")[1].splitlines()
    assert table[0].split() == ["setting", "then", "now"]
    return {key: values for key, *values in (line.split() for line in table[1:])}


def test_the_wrapper_is_around_the_save_of_every_trainer():
    for mode in ("sync", "colocate_async", "separate_async"):
        assert get_trainer_cls(mode)._save_checkpoint is PPOTrainer._save_checkpoint
    assert PPOTrainer._save_checkpoint.__gd2po_wraps__


def test_the_same_experiment_goes_on(run_of):
    folder = save(run_of(), 5)
    check(run_of(), settings_of(run_of()))
    saved = json.loads((folder / IDENTITY_FILE).read_text())
    assert saved["algorithm.gd2po.filter.kind"] == "hard"  # a default, filled in
    assert saved["run.seed"] == 1
    assert [path.name for path in folder.iterdir()] == [IDENTITY_FILE]  # nothing unfinished


@pytest.mark.parametrize(
    ("override", "then"),
    [
        ("actor_rollout_ref.actor.optim.lr=5e-07", "1e-06"),
        ("actor_rollout_ref.model.path=other/model", "hub/model"),
        ("data.train_batch_size=512", "1024"),
        ("actor_rollout_ref.actor.ppo_mini_batch_size=128", "256"),
        ("actor_rollout_ref.actor.clip_ratio=0.1", "0.2"),
        ("actor_rollout_ref.rollout.n=8", "4"),
        ("actor_rollout_ref.rollout.temperature=0.7", "1.0"),
        ("run.seed=2", "1"),
        ("algorithm.adv_estimator=gdpo", "gd2po"),
        ("algorithm.gd2po.rewards.b.weight=0.5", "1.0"),
        ("+algorithm.gd2po.whiten=none", "tokens"),
        ("+reward.custom_reward_function.reward_kwargs.k=2", "–"),
        ("trainer.v1.trainer_mode=colocate_async", "sync"),
    ],
)
def test_another_experiment_is_refused_with_a_table(run_of, override, then):
    folder = save(run_of(), 5)
    text = refusal(run_of(override))
    key, now = override.removeprefix("+").split("=")
    assert rows(text)[key] == [then, now]
    assert text.startswith(f"{folder} is of another experiment")
    for remedy in ("run.method=", "trainer.resume_mode=disable", f"trainer.resume_from_path={folder}"):
        assert remedy in text


@pytest.mark.parametrize(
    "override",
    [
        "trainer.total_epochs=2",
        "trainer.total_training_steps=50",
        "trainer.save_freq=7",
        "trainer.test_freq=7",
        "trainer.logger=[console,wandb]",
        "trainer.val_before_train=false",
        "data.val_files=other.parquet",
        "data.dataloader_num_workers=1",
        "actor_rollout_ref.actor.fsdp_config.param_offload=true",
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=8192",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4",
        "actor_rollout_ref.model.enable_gradient_checkpointing=false",
        "actor_rollout_ref.rollout.gpu_memory_utilization=0.4",
        "actor_rollout_ref.rollout.val_kwargs.n=4",
        "+algorithm.gd2po.reweight=keep_ratio",  # the default, spelt out
        "+algorithm.gd2po.watch=[quality]",
    ],
)
def test_machine_schedule_and_validation_may_change(run_of, override):
    save(run_of(), 5)
    config = run_of(override)
    check(config, settings_of(config))


def test_a_checkpoint_of_an_earlier_release_names_options_that_its_method_does_not_read(run_of):
    file = save(run_of(), 5) / IDENTITY_FILE
    identity = json.loads(file.read_text()) | {"algorithm.gd2po.filter.threshold": 0.8}
    file.write_text(json.dumps(identity))
    config = run_of()
    check(config, settings_of(config))


def test_nodes_and_gpus_may_be_arranged_otherwise(run_of):
    save(run_of("trainer.nnodes=1", "trainer.n_gpus_per_node=8"), 5)
    config = run_of("trainer.nnodes=2", "trainer.n_gpus_per_node=4")
    check(config, settings_of(config))


def test_another_number_of_workers_cannot_load_it(run_of):
    save(run_of("trainer.n_gpus_per_node=8"), 5)
    text = refusal(run_of("trainer.n_gpus_per_node=4"))
    assert "saved by 8 training processes, and this run has 4" in text


def test_a_checkpoint_that_says_nothing_is_refused(run_of):
    (save(run_of(), 5) / IDENTITY_FILE).unlink()
    assert f"(there is no {IDENTITY_FILE})" in refusal(run_of())


@pytest.mark.parametrize("mode", ["disable", "resume_path"])
def test_what_is_asked_for_by_name_passes(run_of, mode):
    folder = save(run_of(), 5)
    overrides = [f"trainer.resume_mode={mode}", f"trainer.resume_from_path={folder}", "data.train_batch_size=512"]
    config = run_of(*overrides)
    check(config, settings_of(config))


def test_only_the_checkpoint_that_verl_would_load_counts(run_of):
    """A run that started over in the folder of another and saved belongs to the second."""
    save(run_of(), 5)
    save(run_of("data.train_batch_size=512"), 6)
    config = run_of("data.train_batch_size=512")
    check(config, settings_of(config))
    assert rows(refusal(run_of())) == {"data.train_batch_size": ["512", "1024"]}


def test_a_folder_without_checkpoint_is_free(run_of, tmp_path):
    (tmp_path / "run" / "rollouts").mkdir(parents=True)
    check(run_of(), settings_of(run_of()))


def test_it_is_refused_before_ray_starts(run_of):
    (save(run_of(), 5) / "actor" / "huggingface").mkdir(parents=True)
    overrides = ["actor_rollout_ref.actor.use_dynamic_bsz=true", "data.train_batch_size=512"]
    with pytest.raises(SettingsError, match="is of another experiment"):
        validate_config(run_of(*overrides), use_reference_policy=False, use_critic=False)


def test_two_models_of_one_name_are_two_models(verl_config, tmp_path, monkeypatch):
    for place in ("a", "b"):
        (tmp_path / place / "model").mkdir(parents=True)
    configs = []
    for place in ("a", "b"):
        monkeypatch.chdir(tmp_path / place)
        config = verl_config(*BASE, "actor_rollout_ref.model.path=model", f"trainer.default_local_dir={tmp_path}/run")
        run_paths.make_absolute(config)
        configs.append(config)
    save(configs[0], 5)
    assert rows(refusal(configs[1]))["actor_rollout_ref.model.path"] == [
        f"{tmp_path}/a/model",
        f"{tmp_path}/b/model",
    ]
