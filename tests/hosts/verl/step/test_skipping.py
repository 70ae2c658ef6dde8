"""Rows without an advantage are left out of the update, and its gradient does not change."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from verl.utils import tensordict_utils as tu

from gd2po.errors import SettingsError
from gd2po.hosts.verl.door import ours
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.run_state import BatchAdvantages, state_of
from gd2po.hosts.verl.step.skipping import skips, wrap_prepare_micro_batches, wrap_update_actor

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "actor_gradients.py"


@pytest.fixture
def skips_with(verl_config, rewards):
    def decide(*overrides):
        config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b"), *overrides)
        return skips(config, settings_of(config))

    return decide


ACTOR = "actor_rollout_ref.actor"
INEXACT = [
    ([f"{ACTOR}.use_kl_loss=true"], "use_kl_loss acts on every token"),
    ([f"{ACTOR}.entropy_coeff=0.01"], "entropy_coeff=0.01 acts on every token"),
    ([f"{ACTOR}.policy_loss.loss_mode=kl_cov"], "loss_mode=kl_cov is not known to be linear"),
    ([f"{ACTOR}.policy_loss.loss_mode=geo_mean"], "loss_mode=geo_mean is not known to be linear"),
    ([f"{ACTOR}.loss_agg_mode=seq-mean-token-sum-norm"], "divides by a pass's longest row"),
    ([f"{ACTOR}.strategy=megatron"], "strategy=megatron makes its micro-batches elsewhere"),
    (["distillation.enabled=true"], "distillation acts on every token"),
]


def test_by_default_rows_are_left_out_where_that_is_exact(skips_with):
    assert skips_with()
    assert not skips_with("+algorithm.gd2po.skip_masked=false")
    assert skips_with(f"{ACTOR}.loss_agg_mode=seq-mean-token-sum-norm", f"{ACTOR}.loss_scale_factor=1024")


@pytest.mark.parametrize(("overrides", "reason"), INEXACT, ids=lambda value: str(value)[:30])
def test_where_it_is_not_exact_nothing_is_left_out_and_asking_for_it_is_refused(skips_with, overrides, reason):
    assert not skips_with(*overrides)
    with pytest.raises(SettingsError, match=f"skip_masked is true, but it would change the update.*{reason}"):
        skips_with(*overrides, "+algorithm.gd2po.skip_masked=true")


def mini_batch(advantages, lengths, **flags):
    columns = {
        "advantages": [torch.full((length,), value) for value, length in zip(advantages, lengths, strict=True)],
        "input_ids": [torch.arange(length + 2) for length in lengths],
    }
    nested = {name: torch.nested.as_nested_tensor(rows, layout=torch.jagged) for name, rows in columns.items()}
    data = tu.get_tensordict(nested)
    tu.assign_non_tensor(data, **flags)
    return data


@pytest.fixture
def kept_lengths():
    """Response lengths of the rows that reach verl's own function."""

    def original(data, dp_group=None, **_options):
        return [len(row) for row in data["advantages"].unbind()]

    return wrap_prepare_micro_batches(original)


def test_rows_without_an_advantage_do_not_reach_the_engine(kept_lengths):
    data = mini_batch([0.0, 1.5, 0.0, -2.0], [3, 4, 5, 6], gd2po_skip_masked=True, use_dynamic_bsz=True)
    assert kept_lengths(data) == [4, 6]


def test_a_micro_batch_of_fixed_size_is_filled_up_with_the_shortest(kept_lengths):
    flags = {"gd2po_skip_masked": True, "use_dynamic_bsz": False, "micro_batch_size_per_gpu": 2}
    data = mini_batch([0.0, 1.5, 0.0, -2.0, 1.0, 0.0], [9, 4, 5, 6, 7, 8], **flags)
    assert kept_lengths(data) == [4, 5, 6, 7]


def test_a_batch_without_any_advantage_keeps_one_row(kept_lengths):
    data = mini_batch([0.0, 0.0, 0.0], [5, 3, 4], gd2po_skip_masked=True, use_dynamic_bsz=True)
    assert kept_lengths(data) == [3]


def test_the_flag_tells_a_batch_of_ours():
    is_ours = ours.PREDICATES["batch"]
    assert is_ours((mini_batch([1.0], [3], gd2po_skip_masked=True),), {}, None)
    assert not is_ours((), {"data": mini_batch([1.0], [3])}, None)


@pytest.mark.parametrize("flags", [{}, {"gd2po_skip_masked": False}])
def test_without_the_flag_all_rows_stay(kept_lengths, flags):
    assert kept_lengths(mini_batch([0.0, 1.0], [3, 4], **flags)) == [3, 4]


def test_the_flag_travels_with_the_batch_and_the_share_is_a_metric(verl_config, rewards):
    update = wrap_update_actor(lambda self, batch, metrics: (batch.extra_info, metrics))
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b"))
    trainer, batch = SimpleNamespace(config=config), SimpleNamespace(extra_info={}, keys=["p_0_0", "p_1_0"])
    state_of(trainer).batch_advantages = BatchAdvantages(["p_0_0", "p_1_0"], torch.tensor([0.0, 1.5]))
    assert update(trainer, batch, {}) == ({"gd2po_skip_masked": True}, {"update/rows_left_out": 0.5})


MODES = ["token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"]


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batches", [["--fixed"], []], ids=["fixed", "by tokens"])
def test_the_gradient_of_verls_engine_does_not_change(batches, workers):
    command = [sys.executable, str(BENCHMARK), "--rows=16", "--tokens=48", "--hidden=32"]
    command += ["--layers=2", f"--workers={workers}", *batches, "--loss-agg-mode", *MODES]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr[-3000:]
    differences = json.loads(found.stdout.splitlines()[-1])
    assert list(differences) == MODES
    for by_share in differences.values():
        assert list(by_share) == ["1.0", "0.75", "0.5", "0.25"]
        assert max(by_share.values()) < 1e-5
