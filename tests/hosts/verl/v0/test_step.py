"""A step of verl's V0 trainer, on the batch that its agent loop makes and with its own log and dump."""

import logging
import math

import pytest
import torch
from verl.utils import tensordict_utils as tu

from gd2po.advantages import compute_advantages
from gd2po.errors import RewardError
from gd2po.hosts.verl.door import ours
from gd2po.hosts.verl.reading.run_state import state_of

A, B = [3.0, 1.0, -3.0, 3.0, 3.0, -3.0, 1.0, 2.0], [0.1, 0.5, 0.2, 0.9, 0.5, 0.5, 0.1, 0.1]
LENGTHS = [3, 5, 2, 6, 2, 3, 4, 5]
INFOS = [{"score": a + b, "a": a, "b": b} for a, b in zip(A, B, strict=True)]
MASK = (torch.arange(6) < torch.tensor(LENGTHS)[:, None]).long()


@pytest.fixture
def step(v0_trainer, v0_rollouts, rewards):
    """Runs a step; gives the trainer, the batch with its advantages, the logged metrics, and the rows of the dump."""

    def step(*overrides, infos=INFOS, estimator="gd2po", names=("a", "b")):
        trainer = v0_trainer(f"algorithm.adv_estimator={estimator}", *rewards(*names), *overrides)
        return trainer, *trainer.run_step(v0_rollouts(trainer.config, infos, LENGTHS, 4))

    return step


@pytest.mark.parametrize("estimator", ["gdpo", "gd2po"])
def test_named_rewards_give_the_advantages_of_the_formulas(step, estimator):
    _, batch, metrics, rows = step(estimator=estimator)
    scores = {"a": torch.tensor(A).double(), "b": torch.tensor(B, dtype=torch.float64)}
    expected = compute_advantages(scores, [row // 4 for row in range(8)], MASK, estimator=estimator)
    assert torch.equal(batch.batch["advantages"], expected.advantages)
    assert torch.equal(batch.batch["returns"], expected.advantages)
    assert {name: metrics[name] for name in expected.metrics} == pytest.approx(expected.metrics)
    assert metrics["rollouts/lost"] == 0
    assert [row["advantage"] for row in rows] == pytest.approx(expected.rollout_advantages.tolist())


def test_grpo_is_stock_verl_to_the_bit_and_reports_conflicts(step, v0_trainer, v0_rollouts):
    _, batch, metrics, _ = step(estimator="grpo")
    stock = v0_trainer("algorithm.adv_estimator=grpo", "+algorithm.gd2po=null")
    plain, logged, rows = stock.run_step(v0_rollouts(stock.config, INFOS, LENGTHS, 4))
    assert torch.equal(batch.batch["advantages"], plain.batch["advantages"])
    assert metrics["conflict/rate"] == 4 / 8
    assert logged == {"timing_s/step": 1.0}
    assert rows[3] == {"input": "text", "output": "text", "gts": None, "step": 1, "score": 3.9, "a": 3.0, "b": 0.9}
    assert ours.SKIP_MASKED not in stock.trainer.updates[0]


def test_mixed_tasks_and_missing_scores_drop_votes_not_rows(step):
    infos = [*({**info, "b": None} for info in INFOS[:2]), *INFOS[2:4]]
    infos += [{"score": 0.0, "a": info["a"], "safe": 1.0} for info in INFOS[4:]]
    _, batch, metrics, _ = step(infos=infos, names=("a", "b", "safe"))
    assert metrics["reward/b/missing"] == 6 and metrics["reward/safe/missing"] == 4
    assert batch.batch["advantages"].isfinite().all() and (batch.batch["advantages"][4] != 0).any()


def test_a_reward_may_have_the_name_of_a_column_of_verls(step):
    infos = [info | {"uid": 1.0, "responses": float(row)} for row, info in enumerate(INFOS)]
    _, _, metrics, rows = step(infos=infos, names=("a", "responses"))
    assert metrics["reward/responses/mean"] == 3.5 and metrics["groups/count"] == 2
    assert rows[7]["reward/responses"] == 7.0


def test_the_dump_names_rollouts_as_v1_does_and_keeps_what_else_was_returned(step):
    _, _, _, rows = step(infos=[info | {"note": f"n{row}", "step": 7} for row, info in enumerate(INFOS)])
    assert [row["uid"] for row in rows] == [f"u{row // 4}_{row % 4}_0" for row in range(8)]
    assert {row["step"] for row in rows} == {1}
    assert [row["note"] for row in rows] == [f"n{row}" for row in range(8)]
    assert "a" not in rows[0] and rows[0]["reward/a"] == 3.0 and rows[0]["score"] == pytest.approx(3.1)


def test_rows_without_an_advantage_are_marked_for_the_workers_and_counted(step):
    trainer, batch, metrics, _ = step()
    [update] = trainer.trainer.updates
    assert tu.get_non_tensor_data(update, ours.SKIP_MASKED, default=False)
    assert ours.PREDICATES["batch"]((update,), {}, None)
    assert metrics["update/rows_left_out"] == float((batch.batch["advantages"] == 0).all(1).double().mean()) > 0


def test_where_it_is_not_exact_no_row_is_left_out(step):
    trainer, _, metrics, _ = step("actor_rollout_ref.actor.use_kl_loss=true")
    assert not tu.get_non_tensor_data(trainer.trainer.updates[0], ours.SKIP_MASKED, default=True)
    assert "update/rows_left_out" not in metrics


def test_a_step_has_a_line_and_warnings(step, capsys, caplog):
    with caplog.at_level(logging.WARNING, "gd2po.hosts.verl.step.narration"):
        step(infos=[info | {"b": 1.0} for info in INFOS])
    assert "step 1 of 2 | a 0.875  b 1 | conflict" in capsys.readouterr().out
    assert any("reward b is the same for all rollouts" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"a": "high", "b": 1.0}, r"reward 'a' of rollout u1_3_0: found 'high' \(str\)"),
        ({"a": 1.0, "b": math.inf}, r"reward 'b' of rollout u1_3_0: found inf"),
        ({"c": 1.0}, r"rollout u1_3_0 has none of the declared rewards a, b; its reward function returned: c"),
        ({"gd2po_error": "the reward function raised KeyError"}, "the reward function raised KeyError"),
    ],
)
def test_what_is_no_score_is_an_error_that_names_it(step, info, message):
    with pytest.raises(RewardError, match=message):
        step(infos=[*INFOS[:7], info])


def test_a_log_outside_of_a_step_is_verls_own(v0_trainer, rewards):
    trainer = v0_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "b"))
    metrics = trainer.log({"val-core/x": 1.0})
    assert metrics == {"val-core/x": 1.0} and state_of(trainer.trainer).step is None


def test_validation_gets_a_column_for_each_entry(v0_trainer, v0_rollouts, rewards):
    trainer = v0_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "b"))
    batch = v0_rollouts(trainer.config, [*INFOS[:7], {"a": 1.0, "acc": 0.5}], LENGTHS, 4)
    assert trainer.entries(batch) == {}
    batch.meta_info["validate"] = True
    entries = trainer.entries(batch)
    assert set(entries) == {"a", "b", "score", "acc"}
    assert entries["b"].tolist() == [*B[:7], None] and entries["acc"].tolist() == [None] * 7 + [0.5]
