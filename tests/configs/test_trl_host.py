"""What stands in the place of verl's configuration for TRL says what verl says."""

from pathlib import Path

import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
OURS = {"actor_rollout_ref.actor.strategy": "trl"}


def test_every_setting_is_one_of_verls_with_its_default(leaves):
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer/config"), version_base=None):
        host = dict(leaves(OmegaConf.to_container(compose("ppo_trainer"))))
    settings = dict(
        leaves(OmegaConf.to_container(OmegaConf.load(ROOT / "verl/gd2po/hosts/trl/config/ppo_trainer.yaml")))
    )
    del settings["defaults"]
    assert {key: value for key, value in settings.items() if host[key] != value} == OURS
