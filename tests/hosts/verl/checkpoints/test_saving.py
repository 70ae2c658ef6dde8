"""A checkpoint gets its name when it is whole, and the one before stays the latest until then."""

import errno
import json

import pytest

from gd2po.hosts.verl.checkpoints import CheckpointError, folders, saving


def test_a_whole_checkpoint_is_marked_named_and_tracked(run):
    run.save(1)
    assert run.listing() == ["global_step_1", "latest_checkpointed_iteration.txt"]
    assert run.tracker.read_text() == "1"
    assert folders.fault(run[1]) == ""
    files = json.loads((run[1] / folders.MARKER).read_text())["files"]
    assert {"actor/optim_world_size_2_rank_1.pt", "actor/huggingface/config.json", "data.pt"} <= files.keys()
    assert "gd2po_identity.json" in files


def test_a_callback_of_the_user_sees_the_final_folder(run):
    trainer = run.save(1)
    assert run.called == [
        {"trainer": trainer, "global_step": 1, "checkpoint_dir": str(run[1]), "async_save": False},
    ]
    assert trainer.config.trainer.default_local_dir == str(run.folder)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Traceback\n  inner\nOSError: [Errno 28] No space left on device\n"),
    ],
)
def test_a_save_that_fails_says_why_and_where_to_go_on(run, error):
    def fails():
        raise error

    run.save(1)
    with pytest.raises(CheckpointError) as caught:
        run.save(2, fails=fails)
    message = str(caught.value)
    assert f"the checkpoint of step 2 could not be written to {run.folder}" in message
    assert "GiB free" in message and "No space left on device" in message
    assert f"The last complete checkpoint is {run[1]}: the same command goes on after step 1." in message
    assert run.tracker.read_text() == "1" and folders.fault(run[1]) == ""
    assert not run[2].exists()


def test_the_first_save_that_fails_leaves_nothing_to_resume(run):
    def fails():
        raise OSError("disk")

    with pytest.raises(CheckpointError, match="There is no complete checkpoint"):
        run.save(1, fails=fails)
    assert run.listing() == ["unfinished"]


@pytest.mark.parametrize("moment", ["mark", "track"])
def test_a_kill_at_any_moment_leaves_the_one_before_as_the_latest(run, monkeypatch, moment):
    """What a SIGKILL leaves on disk is what an exception that nobody handles leaves."""

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    run.save(1)
    with monkeypatch.context() as patch:
        patch.setattr(folders, moment, killed)
        with pytest.raises(Killed):
            run.save(2)
    assert run.tracker.read_text() == "1" and folders.fault(run[1]) == ""
    run.save(2)  # the resumed run comes there again
    assert run.tracker.read_text() == "2" and folders.fault(run[2]) == ""
    assert run.listing() == ["global_step_1", "global_step_2", "latest_checkpointed_iteration.txt"]


def test_a_torn_one_of_the_same_step_is_replaced(run):
    run.save(1, 2)
    (run[2] / "data.pt").unlink()
    (run[2] / "of the torn one").touch()
    run.save(2)
    assert folders.fault(run[2]) == "" and not (run[2] / "of the torn one").exists()


def test_shards_that_went_to_another_disk_are_missed(run, monkeypatch):
    monkeypatch.setattr(saving, "CHECKPOINT_SHARDS_TIMEOUT", 0.0)
    with pytest.raises(CheckpointError, match=r"all nodes must share .* extra_state_world_size_2_rank_1.pt and 2 more"):
        run.save(1, ranks=(0,))
    assert not run.tracker.exists()


@pytest.mark.parametrize(("keep", "left"), [(1, [3]), (2, [2, 3]), (3, [1, 2, 3])])
def test_old_ones_are_pruned(run, keep, left):
    run.save(1, 2, 3, keep=keep)
    assert sorted(folders.steps(run.folder)) == left


def test_pruning_counts_complete_ones_and_those_of_earlier_starts(run):
    run.save(1, 2, 3, 4)
    (run[3] / "data.pt").unlink()
    run.save(5, keep=2)
    assert sorted(folders.steps(run.folder)) == [4, 5]
    (run[4] / "data.pt").unlink()
    run.save(6, keep=2)
    assert sorted(folders.steps(run.folder)) == [5, 6]


def test_pruning_leaves_what_is_later(run):
    """A run that started over in its folder does not take checkpoints of the run before for its own."""
    run.save(8, 9)
    run.save(1, 2, keep=1)
    assert sorted(folders.steps(run.folder)) == [2, 8, 9]


def test_nothing_is_pruned_when_a_save_fails(run):
    def fails():
        raise OSError("disk")

    run.save(1, keep=1)
    with pytest.raises(CheckpointError):
        run.save(2, keep=1, fails=fails)
    assert folders.steps(run.folder) == [1] and folders.fault(run[1]) == ""
