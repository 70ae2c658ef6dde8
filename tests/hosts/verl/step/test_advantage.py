"""The estimator call inside verl's trainer, on verl's own data structures."""

import gc
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from verl import DataProto
from verl.trainer.ppo.padding_utils import upsample_batch_to_divisible_size
from verl.trainer.ppo.v1 import get_trainer_cls, trainer_base

from gd2po.advantages import compute_advantages
from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.run_state import state_of

DECLARED = ["+algorithm.gd2po.rewards.a.weight=1.0", "+algorithm.gd2po.rewards.b.weight=1.0"]
GD2PO = ["algorithm.adv_estimator=gd2po", *DECLARED]

A, B = [3.0, 1.0, -3.0, 3.0, 3.0, -3.0, 1.0, 2.0], [0.1, 0.5, 0.2, 0.9, 0.5, 0.5, 0.1, 0.1]
LENGTHS = [3, 5, 2, 6, 2, 3, 4, 5]
KEYS = [f"u{i // 4}_{i % 4}_0" for i in range(8)]
INFOS = {key: {"score": a + b, "a": a, "b": b} for key, a, b in zip(KEYS, A, B, strict=True)}
MASK = (torch.arange(6) < torch.tensor(LENGTHS)[:, None]).long()


def expected(estimator: str, rows: slice = slice(None), **options: object) -> list[list[float]]:
    scores = {"a": torch.tensor(A).double()[rows], "b": torch.tensor(B, dtype=torch.float64)[rows]}
    groups = [key[:2] for key in KEYS][rows]
    out = compute_advantages(scores, groups, MASK[rows], estimator=estimator, **options)
    return [row[:n].tolist() for row, n in zip(out.advantages, LENGTHS[rows], strict=True)]


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
@pytest.mark.parametrize("estimator", ["gdpo", "gd2po"])
def test_named_rewards_give_the_advantages_of_the_formulas(rollouts, mode, estimator, bare_trainer, advantages_of):
    trainer = bare_trainer(f"algorithm.adv_estimator={estimator}", *DECLARED, mode=mode)
    found, metrics = advantages_of(trainer, rollouts.put(INFOS, LENGTHS))
    assert found == expected(estimator)
    assert metrics["conflict/rate"] == 4 / 8
    assert metrics["reward/a/mean"] == pytest.approx(sum(A) / 8)


def test_stock_gdpo_fails_where_ours_works(rollouts, bare_trainer, advantages_of):
    """The reason for the seam; when this passes without us, ``gdpo`` can go back to verl."""
    trainer = bare_trainer("algorithm.adv_estimator=gdpo", "+algorithm.gdpo_reward_keys=[a,b]")
    stock = trainer_base.compute_advantage_for_multi_trajectories
    trainer_base.compute_advantage_for_multi_trajectories = stock.__wrapped__
    try:
        with pytest.raises(KeyError, match="prompts"):
            trainer._compute_advantage(rollouts.put(INFOS, LENGTHS), {})
    finally:
        trainer_base.compute_advantage_for_multi_trajectories = stock
    found, _ = advantages_of(trainer, rollouts.put(INFOS, LENGTHS))
    assert found == expected("gdpo")


def test_grpo_is_stock_verl_to_the_bit_and_reports_conflicts(rollouts, bare_trainer, advantages_of):
    batch = rollouts.put(INFOS, LENGTHS)
    stock, plain = advantages_of(bare_trainer("algorithm.adv_estimator=grpo"), batch)
    ours, metrics = advantages_of(bare_trainer("algorithm.adv_estimator=grpo", *DECLARED), batch)
    assert ours == stock
    assert not any("conflict" in name for name in plain)
    assert metrics["conflict/rate"] == 4 / 8
    assert metrics["conflict/kept"] == 1.0


def test_a_third_party_estimator_of_verl_is_left_alone(rollouts, bare_trainer, advantages_of):
    found, metrics = advantages_of(bare_trainer("algorithm.adv_estimator=rloo"), rollouts.put(INFOS, LENGTHS))
    assert len(found) == 8 and not any(name.startswith(("conflict", "reward")) for name in metrics)


def test_padding_rows_change_nothing_and_get_zeros(rollouts, bare_trainer, advantages_of):
    trainer = bare_trainer(*GD2PO)
    without, clean = advantages_of(trainer, rollouts.put(INFOS, LENGTHS))
    padded = upsample_batch_to_divisible_size(rollouts.put(INFOS, LENGTHS), 12, eos_token_id=0)
    padded.reorder([8, 0, 1, 9, 2, 3, 4, 10, 5, 6, 7, 11])
    found, metrics = advantages_of(trainer, padded)
    assert [found[i] for i in (1, 2, 4, 5, 6, 8, 9, 10)] == without
    assert [found[i] for i in (0, 3, 7, 11)] == [[0.0]] * 4
    assert metrics == clean


def test_several_outputs_of_a_session_count_once(rollouts, bare_trainer, advantages_of):
    trainer = bare_trainer(*GD2PO, "+algorithm.gd2po.whiten=rollouts")
    single, clean = advantages_of(trainer, rollouts.put(INFOS, LENGTHS))
    first = {"u0_0_10": INFOS["u0_0_0"], "u0_0_2": INFOS["u0_1_0"]}  # index 10 is the last output, not index 2
    several = first | {key: info for key, info in INFOS.items() if key != "u0_0_0"}
    found, metrics = advantages_of(trainer, rollouts.put(several, [2, 4, *LENGTHS[1:]]))
    assert found[0] == pytest.approx([single[0][0]] * 2) and found[1] == pytest.approx([single[0][0]] * 4)
    assert found[2:] == single[1:]
    assert metrics["conflict/rate"] == clean["conflict/rate"]


def test_failed_sessions_leave_a_short_group(rollouts, bare_trainer, advantages_of):
    present = {key: INFOS[key] for key in KEYS[:4] + KEYS[4:5]}
    found, metrics = advantages_of(bare_trainer(*GD2PO), rollouts.put(present, LENGTHS[:5]))
    assert found == expected("gd2po", slice(0, 5))
    assert metrics["groups/singletons"] == 1


def test_a_colocated_reward_model_writes_fields_of_its_own(rollouts, bare_trainer, advantages_of):
    def compute_rm_score(data):
        assert len(data) == 8
        scores = torch.zeros_like(data.batch["responses"], dtype=torch.float32)
        named = {"a": np.array(A), "b": np.array([None if b == 0.9 else b for b in B], dtype=object)}
        batch = TensorDict({"rm_scores": scores}, batch_size=8)
        return DataProto(batch, non_tensor_batch=named, meta_info={"reward_extra_keys": ["a", "b"]})

    manager = SimpleNamespace(reward_loop_worker_handles=None, compute_rm_score=compute_rm_score)
    trainer = bare_trainer(*GD2PO, colocated=manager)
    trainer.tokenizer = SimpleNamespace(pad_token_id=0)
    batch = trainer._compute_reward_colocate(rollouts.put(dict.fromkeys(KEYS), LENGTHS))
    _, metrics = advantages_of(trainer, batch)
    assert metrics["reward/a/mean"] == pytest.approx(sum(A) / 8)
    assert metrics["reward/b/missing"] == 1


def test_mixed_tasks_and_missing_scores_drop_votes_not_rows(rollouts, bare_trainer, advantages_of, rewards):
    infos = {key: dict(info) for key, info in INFOS.items()}
    for key in KEYS[4:]:
        infos[key] = {"score": 0.0, "a": infos[key]["a"], "safe": 1.0}
    infos["u0_2_0"] |= {"b": None}
    infos["u0_3_0"] |= {"b": float("nan")}
    trainer = bare_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "b", "safe"))
    found, metrics = advantages_of(trainer, rollouts.put(infos, LENGTHS))
    assert metrics["reward/b/missing"] == 6 and metrics["reward/safe/missing"] == 4
    assert all(math.isfinite(value) for row in found for value in row)
    assert any(value != 0 for value in found[4]), "a row of the other task still learns from its own rewards"


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"a": "high", "b": 1.0}, r"reward 'a' of rollout u1_3_0: found 'high' \(str\)"),
        ({"a": 1.0, "b": math.inf}, r"reward 'b' of rollout u1_3_0: found inf"),
        ({"c": 1.0}, r"rollout u1_3_0 has none of the declared rewards a, b; its reward function returned: c"),
        ({"gd2po_error": "the reward function raised KeyError"}, "the reward function raised KeyError"),
    ],
)
def test_what_is_no_score_is_an_error_that_names_it(rollouts, info, message, bare_trainer):
    batch = rollouts.put(INFOS | {"u1_3_0": info}, LENGTHS)
    with pytest.raises(RewardError, match=message):
        bare_trainer(*GD2PO)._compute_advantage(batch, {})


def test_a_declared_reward_that_nobody_returns_is_an_error_with_the_nearest_name(rollouts, bare_trainer, rewards):
    trainer = bare_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "scores"))
    with pytest.raises(RewardError, match=r"'scores' is declared.*none of 8 rollouts.*Did you mean 'score'"):
        trainer._compute_advantage(rollouts.put(INFOS, LENGTHS), {})


def test_a_gate_counts_only_where_its_condition_holds(rollouts, bare_trainer, advantages_of):
    trainer = bare_trainer(*GD2PO, "+algorithm.gd2po.rewards.b.requires.a=3.0")
    found, _ = advantages_of(trainer, rollouts.put(INFOS, LENGTHS))
    a, b = torch.tensor(A).double(), torch.tensor(B, dtype=torch.float64)
    gated = torch.where(a >= 3.0, b, 0.0)
    out = compute_advantages({"a": a, "b": gated}, [key[:2] for key in KEYS], MASK)
    assert found == [row[:n].tolist() for row, n in zip(out.advantages, LENGTHS, strict=True)]


def test_the_weights_of_the_step_are_used_and_its_violation_makes_those_of_the_next(
    rollouts, bare_trainer, advantages_of
):
    schedule = "algorithm.gd2po.rewards.a.weight={at: {1: 1.0, 7: 3.0}}"
    target = ["+algorithm.gd2po.rewards.b.target=1.0", "+algorithm.gd2po.rewards.b.rate=1.0"]
    trainer = bare_trainer(*GD2PO, schedule, *target)
    batch, used = rollouts.put(INFOS, LENGTHS), []
    for trainer.global_steps in (6, 7):
        state_of(trainer).batch_advantages = None
        found, metrics = advantages_of(trainer, batch)
        used.append({name: metrics[f"reward/{name}/weight"] for name in "ab"})
        assert found == expected("gd2po", reward_weights=used[-1])
        assert metrics["reward/b/violation"] == pytest.approx(1.0 - sum(B) / 8)
    assert used == [{"a": 1.0, "b": 1.0}, {"a": 3.0, "b": pytest.approx(2.0 - sum(B) / 8)}]


class LargeTensors(TorchDispatchMode):
    """Counts new tensors of so many elements; views and results written in place are not new."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements, self.count = elements, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given, made = ([leaf for leaf in tree_leaves(tree) if _is_large(leaf, self)] for tree in ((args, kwargs), out))
        known = {leaf.untyped_storage().data_ptr() for leaf in given}
        self.count += sum(leaf.untyped_storage().data_ptr() not in known for leaf in made)
        return out


def _is_large(leaf, mode):
    return isinstance(leaf, torch.Tensor) and not leaf.is_nested and leaf.numel() >= mode.elements


@pytest.fixture
def padded_tensors_made(rollouts, bare_trainer, monkeypatch):
    """Number of new [N, T] tensors of the estimator call in verl's advantage step, for 64 rollouts x 32 tokens."""
    lengths = [1 + row % 32 for row in range(64)]
    keys = [f"u{row // 8}_{row % 8}_0" for row in range(64)]
    batch = rollouts.put({key: {"score": 1.0, "a": row % 3, "b": row % 5} for row, key in enumerate(keys)}, lengths)
    estimate = trainer_base.compute_advantage_for_multi_trajectories

    def count(*overrides):
        large = LargeTensors(64 * 32)

        def counted(*args, **kwargs):
            with large:
                return estimate(*args, **kwargs)

        monkeypatch.setattr(trainer_base, "compute_advantage_for_multi_trajectories", counted)
        bare_trainer(*overrides)._compute_advantage(batch, {})
        return large.count

    return count


def test_no_padded_tensor_is_made_but_the_advantages(padded_tensors_made):
    stock = padded_tensors_made("algorithm.adv_estimator=grpo")
    assert padded_tensors_made("algorithm.adv_estimator=grpo", *DECLARED) == stock > 1
    for estimator in ("gdpo", "gd2po"):
        assert padded_tensors_made(f"algorithm.adv_estimator={estimator}", *DECLARED) == 1, estimator


@pytest.fixture
def unfrozen():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_collections_leave_out_the_libraries_of_a_run_and_stock_verl_keeps_its_own_ways(
    rollouts, bare_trainer, unfrozen
):
    batch = rollouts.put(INFOS, LENGTHS)
    bare_trainer("algorithm.adv_estimator=grpo")._compute_advantage(batch, {})
    assert gc.get_freeze_count() == 0
    bare_trainer(*GD2PO)._compute_advantage(batch, {})
    assert gc.get_freeze_count() > 0.5 * len(gc.get_objects())


def test_every_trainer_mode_has_the_wrapped_step():
    steps = {get_trainer_cls(mode)._compute_advantage for mode in ("sync", "colocate_async", "separate_async")}
    assert len(steps) == 1 and hasattr(steps.pop(), "__gd2po_wraps__")


WATCHING = [*GD2PO, "+algorithm.gd2po.watch=[quality]"]


def test_watched_scores_are_logged_and_change_no_advantage(rollouts, bare_trainer, advantages_of):
    infos = {key: info | {"quality": float(row)} for row, (key, info) in enumerate(INFOS.items())}
    found, metrics = advantages_of(bare_trainer(*WATCHING), rollouts.put(infos, LENGTHS))
    assert found == expected("gd2po")
    assert (metrics["watch/quality/mean"], metrics["watch/quality/max"]) == (3.5, 7)


def test_a_watched_score_that_nothing_returns_is_refused(rollouts, bare_trainer, advantages_of):
    with pytest.raises(
        RewardError, match="reward 'quality' is watched, but the reward function returned it for none of"
    ):
        advantages_of(bare_trainer(*WATCHING), rollouts.put(INFOS, LENGTHS))
