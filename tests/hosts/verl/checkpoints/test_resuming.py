"""What is resumed is complete, and what is passed over is named."""

import pytest
from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path
from verl.utils.config import validate_config

from gd2po.hosts.verl.checkpoints import CheckpointError, folders
from gd2po.hosts.verl.checkpoints.resuming import point_tracker_at_latest_complete


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def shard(folder):
    return folder / "actor" / "model_world_size_2_rank_1.pt"


def test_the_latest_is_left_as_it_is(run, caplog):
    run.save(1, 2)
    point_tracker_at_latest_complete(run.config())
    assert run.tracker.read_text() == "2" and caplog.text == ""


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (truncate, "actor/model_world_size_2_rank_1.pt has"),
        (lambda path: path.unlink(), "actor/model_world_size_2_rank_1.pt is missing"),
        (lambda path: (path.parents[1] / folders.MARKER).unlink(), f"it has no {folders.MARKER}"),
    ],
)
def test_a_torn_one_is_passed_over_with_the_reason(run, caplog, harm, reason):
    run.save(1, 2, 3)
    for step in (2, 3):
        harm(shard(run[step]))
    if "no" in reason:
        run.tracker.write_text("")
    point_tracker_at_latest_complete(run.config())
    assert find_latest_ckpt_path(str(run.folder)) == str(run[1])
    assert f"{run[3]}: {reason}" in caplog.text and f"{run[2]}: {reason}" in caplog.text
    assert f"resuming {run[1]}" in caplog.text
    assert run[3].is_dir()  # nothing is deleted


@pytest.mark.parametrize("torn", ["", "1\x000"])
def test_a_torn_tracker_file_is_mended(run, torn):
    """verl writes it in place, so that a full disk leaves an empty one, on which its next start fails."""
    run.save(1, 2)
    run.tracker.write_text(torn)
    point_tracker_at_latest_complete(run.config())
    assert find_latest_ckpt_path(str(run.folder)) == str(run[2])


def test_a_tracker_file_that_was_set_back_by_hand_is_obeyed(run):
    run.save(1, 2, 3)
    run.tracker.write_text("2")
    point_tracker_at_latest_complete(run.config())
    assert run.tracker.read_text() == "2"


@pytest.mark.parametrize("recorded", [True, False])
def test_a_step_that_was_saved_but_not_recorded_is_named(run, caplog, recorded):
    run.save(1, 2)
    records = run.folder / "rollouts"
    records.mkdir()
    (records / f"{2 if recorded else 1}.jsonl").touch()
    point_tracker_at_latest_complete(run.config(f"trainer.rollout_data_dir={records}"))
    assert (f"the run ended before {records}/2.jsonl was written" in caplog.text) is not recorded
    assert recorded or "step 2 was trained and saved" in caplog.text


def test_when_none_is_complete_nothing_starts_over_by_itself(run):
    run.save(1, 2)
    for step in (1, 2):
        shard(run[step]).unlink()
    with pytest.raises(CheckpointError, match="none is complete") as caught:
        point_tracker_at_latest_complete(run.config())
    assert f"{run[1]}: actor/model_world_size_2_rank_1.pt is missing" in str(caught.value)
    assert "trainer.resume_mode=disable" in str(caught.value)
    point_tracker_at_latest_complete(run.config("trainer.resume_mode=disable"))


def test_a_save_that_never_ended_is_no_checkpoint(run):
    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.save(1, fails=killed)
    point_tracker_at_latest_complete(run.config())
    assert find_latest_ckpt_path(str(run.folder)) is None


def test_a_tracker_file_without_checkpoints_starts_from_the_beginning(run, caplog):
    run.folder.mkdir()
    run.tracker.write_text("")
    point_tracker_at_latest_complete(run.config())
    assert "starting from the beginning" in caplog.text
    assert find_latest_ckpt_path(str(run.folder)) is None


def test_verls_own_checkpoint_is_believed_where_its_tracker_names_it(run):
    run.save(1, 2)
    for step in (1, 2):
        (run[step] / folders.MARKER).unlink()
    point_tracker_at_latest_complete(run.config())
    assert run.tracker.read_text() == "2"


def test_a_torn_one_that_is_named_is_refused(run):
    run.save(1)
    truncate(shard(run[1]))
    named = run.config("trainer.resume_mode=resume_path", f"trainer.resume_from_path={run[1]}")
    with pytest.raises(CheckpointError, match=r"model_world_size_2_rank_1.pt has [\d,]+ bytes instead of"):
        point_tracker_at_latest_complete(named)
    (run[1] / folders.MARKER).unlink()  # the remedy that the refusal of a whole folder names
    point_tracker_at_latest_complete(named)


def test_it_is_settled_before_ray_starts(run):
    run.save(1)
    truncate(shard(run[1]))
    config = run.config("actor_rollout_ref.actor.use_dynamic_bsz=true")
    with pytest.raises(CheckpointError, match="none is complete"):
        validate_config(config, use_reference_policy=False, use_critic=False)
