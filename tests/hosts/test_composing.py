"""Files of a task over those of a host."""

from importlib.util import find_spec

import pytest

from gd2po.errors import SettingsError

if find_spec("hydra") is None:
    pytest.skip("Hydra comes with a host", allow_module_level=True)

from gd2po.hosts.composing import TaskFiles, compose_task


@pytest.fixture
def folders(tmp_path):
    """The folder of a task and the place of its host."""
    (tmp_path / "host").mkdir()
    (tmp_path / "task").mkdir()
    (tmp_path / "host/ppo_trainer.yaml").write_text("trainer:\n  steps: 3\n  name: ${run.name}\n")
    (tmp_path / "task/base.yaml").write_text(
        "defaults: [ppo_trainer, method: gdpo, _self_]\nrun: {name: sums, method: gdpo}\ndata: {size: 4}\n"
    )
    return tmp_path / "task", f"file://{tmp_path}/host"


def test_the_task_stands_over_the_host_and_is_resolved(folders):
    task, host = folders
    config = compose_task(TaskFiles(task, "base", host, ["data.size=5", "method=gd2po_hard"]))
    assert (config.trainer.name, config.trainer.steps, config.data.size) == ("sums", 3, 5)
    assert config.algorithm.gd2po.filter.kind == "hard"


@pytest.mark.parametrize("override", ["data.siz=5", "method=none", "trainer.name=${run.nam}", "data.size=[1"])
def test_a_refusal_is_ours_and_short(folders, override):
    task, host = folders
    with pytest.raises(SettingsError, match="this configuration does not compose: ") as refusal:
        compose_task(TaskFiles(task, "base", host, [override]))
    assert "search path" not in str(refusal.value)
