"""Steps, validations and checkpoints, counted as verl's trainer counts them."""

import pytest


def test_the_published_run(plan_of):
    schedule = plan_of().schedule
    assert (schedule.rows, schedule.left_out, schedule.steps_per_epoch, schedule.steps) == (3920, 336, 7, 210)
    assert (schedule.prompts, schedule.rollouts, schedule.mini_batch, schedule.updates) == (512, 2048, 128, 4)
    assert schedule.tokens == 2048 * 3072
    assert (schedule.checkpoints, schedule.kept, schedule.validations) == (42, 42, 1 + 21)


@pytest.mark.parametrize(
    ("override", "steps", "checkpoints"),
    [
        ("trainer.total_training_steps=12", 12, 3),  # at 5 and 10, and at the end
        ("trainer.total_epochs=1", 7, 2),
        ("trainer.total_training_steps=500", 210, 42),  # epochs end it first
        ("trainer.save_freq=-1", 210, 0),
    ],
)
def test_the_first_limit_ends_a_run_and_the_last_step_is_saved(plan_of, override, steps, checkpoints):
    schedule = plan_of(override).schedule
    assert (schedule.steps, schedule.checkpoints) == (steps, checkpoints)


@pytest.mark.parametrize(("keep", "together"), [(1, 2), (3, 4), (42, 42), (100, 42)])
def test_a_new_checkpoint_lies_beside_the_old_ones_for_a_moment(plan_of, keep, together):
    plan = plan_of(f"trainer.max_actor_ckpt_to_keep={keep}")
    assert plan.schedule.kept == min(keep, 42)
    assert plan.checkpoint_room == together * plan.checkpoint


def test_too_few_prompts_for_a_batch_are_refused(plan_of, prompts):
    plan = plan_of(f"data.train_files={prompts(100)}")
    assert plan.schedule.steps == 0
    (refusal,) = plan.refusals
    assert refusal.startswith(
        "data.train_files have 100 prompts, which do not fill one batch of data.train_batch_size=512"
    )
    assert plan_of(f"data.train_files={prompts(512)}").refusals == ()


def test_data_that_are_not_here_are_named_and_nothing_is_guessed(plan_of):
    plan = plan_of("data.train_files=absent.parquet")
    assert (plan.schedule.rows, plan.schedule.steps, plan.schedule.checkpoints, plan.checkpoint_room) == (None,) * 4
    assert "not on this machine: absent.parquet" in plan.remarks


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ([], "a step generates 512 prompts (2,048 rollouts), and two prompts more for each group that is evicted, w"),
        (["trainer.v1.trainer_mode=colocate_async"], "and one prompt more for each group"),
        (["algorithm.filter_groups.max_num_gen_batches=4"], "in all at most 2,048 prompts (8,192 rollouts)"),
        (["algorithm.filter_groups.max_num_gen_batches=4"], "are gone through after 1.75 to 7 steps"),
    ],
)
def test_a_group_filter_says_how_many_rollouts_a_step_may_take(plan_of, overrides, text):
    on = ["algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=gd2po"]
    assert text in "\n".join(plan_of(*on, *overrides).remarks)
    assert not any("filter_groups" in remark for remark in plan_of(*overrides).remarks)
