"""The pass for old log-probabilities leaves out rows without an advantage. Queue and balance are the real ones."""

from types import SimpleNamespace

import pytest
import torch
import transfer_queue as tq

from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.run_state import BatchAdvantages, RunState, calling, share_state, state_of
from gd2po.hosts.verl.step.old_log_probs import (
    leaves_out,
    wrap_compute_old_log_prob,
    wrap_compute_rollout_correction_and_add_to_batch,
)

ROLLOUT, CORRECTION = "actor_rollout_ref.rollout", "algorithm.rollout_correction"


@pytest.fixture
def leaves_out_with(verl_config, rewards, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def decide(*overrides, estimator="gd2po"):
        config = verl_config(f"algorithm.adv_estimator={estimator}", *rewards("a", "b"), *overrides)
        return leaves_out(config, settings_of(config))

    return decide


def test_by_default_the_pass_is_left_out(leaves_out_with):
    assert leaves_out_with()
    assert leaves_out_with(estimator="gdpo")


@pytest.mark.parametrize(
    "override",
    [
        "+algorithm.gd2po.skip_masked=false",
        "actor_rollout_ref.actor.use_kl_loss=true",
        f"{ROLLOUT}.calculate_log_probs=false",
        f"{CORRECTION}.bypass_mode=true",
        f"{CORRECTION}.rollout_is=token",
        f"{CORRECTION}.rollout_rs=token_k1",
    ],
)
def test_where_something_reads_all_rows_it_is_not(leaves_out_with, override):
    assert not leaves_out_with(override)


def test_for_grpo_it_is_not(leaves_out_with):
    assert not leaves_out_with(estimator="grpo")


class Pass:
    """In the place of verl's own: notes what it was asked for, and writes old log-probabilities of -1."""

    def __init__(self):
        self.keys, self.calls = [], 0

    def __call__(self, trainer, batch, metrics):
        self.calls += 1
        self.keys = list(batch.keys)
        fields = ["rollout_log_probs"]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        data["old_log_probs"] = data.pop("rollout_log_probs") - 1
        return tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=data)


GROUP = {  # rollouts 0 and 1 agree, 2 and 3 conflict
    "p_0_0": {"a": 2.0, "b": 2.0},
    "p_1_0": {"a": -2.0, "b": -2.0},
    "p_2_0": {"a": 1.0, "b": -1.0},
    "p_3_0": {"a": -1.0, "b": 1.0},
}


@pytest.fixture
def trainer(bare_trainer, rewards):
    def make(workers, *overrides):
        made = bare_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "b"), *overrides)
        made.actor_rollout_wg = SimpleNamespace(_dispatch_info={"actor": list(range(workers))})
        return made

    return make


def old_log_probs(batch):
    found = tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["old_log_probs"])
    return [row.tolist() for row in found["old_log_probs"]]


def test_masked_rows_get_the_rollouts_own_and_the_advantages_are_estimated_once(trainer, rollouts, advantages_of):
    batch = rollouts.put({key: info | {"score": 0.0} for key, info in GROUP.items()}, [2, 3, 4, 2])
    forward, metrics, made = Pass(), {}, trainer(1, f"{ROLLOUT}.log_prob_use_dynamic_bsz=true")
    found = wrap_compute_old_log_prob(forward)(made, batch, metrics)
    assert found is batch
    assert sorted(forward.keys) == ["p_0_0", "p_1_0"]
    assert old_log_probs(batch) == [[-1.0] * 2, [-1.0] * 3, [0.0] * 4, [0.0] * 2]
    assert metrics["conflict/masked"] == 0.5
    known = state_of(made).batch_advantages
    advantages, later = advantages_of(made, batch)
    assert state_of(made).batch_advantages is known and "conflict/masked" not in later
    assert advantages[2:] == [[0.0] * 4, [0.0] * 2] and advantages[0][0] > 0 > advantages[1][0]


def test_every_worker_gets_as_many_rows_filled_up_with_the_shortest(trainer, rollouts):
    group = GROUP | {"p_4_0": {"a": 3.0, "b": 3.0}, "p_5_0": {"a": 2.0, "b": -3.0}}
    batch = rollouts.put({key: info | {"score": 0.0} for key, info in group.items()}, [2, 3, 4, 3, 2, 5])
    forward = Pass()
    wrap_compute_old_log_prob(forward)(trainer(2, f"{ROLLOUT}.log_prob_use_dynamic_bsz=true"), batch, {})
    assert sorted(forward.keys) == ["p_0_0", "p_1_0", "p_3_0", "p_4_0"]


def test_micro_batches_of_fixed_size_are_filled(trainer, rollouts):
    batch = rollouts.put({key: info | {"score": 0.0} for key, info in GROUP.items()}, [2, 3, 4, 2])
    forward = Pass()
    fixed = [f"{ROLLOUT}.log_prob_use_dynamic_bsz=false", f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=3"]
    wrap_compute_old_log_prob(forward)(trainer(1, *fixed), batch, {})
    assert sorted(forward.keys) == ["p_0_0", "p_1_0", "p_3_0"]


def test_nothing_changes_where_all_rows_have_an_advantage(trainer, rollouts):
    batch = rollouts.put({key: GROUP[key] | {"score": 0.0} for key in ("p_0_0", "p_1_0")})
    forward = Pass()
    wrap_compute_old_log_prob(forward)(trainer(1), batch, {})
    assert forward.keys == ["p_0_0", "p_1_0"]


def test_rollout_and_trainer_are_compared_over_the_computed_rows(verl_config, rewards):
    settings = settings_of(verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b")))
    made, keys = SimpleNamespace(), ["k0", "k1", "k2"]
    step = SimpleNamespace(batch=SimpleNamespace(keys=keys))
    advantages = BatchAdvantages(keys, torch.zeros(3), forwarded=torch.tensor([2, 0]))
    share_state(made, RunState(settings, step=step, batch_advantages=advantages))
    data = SimpleNamespace(select_idxs=lambda rows: rows.tolist())
    compare = wrap_compute_rollout_correction_and_add_to_batch(lambda batch, config: (batch, {"of": batch}))
    with calling(made):
        assert compare(data, {}) == (data, {"of": [2, 0]})
        step.batch.keys = ["another", "batch", "!"]
        assert compare(data, {}) == (data, {"of": data})
