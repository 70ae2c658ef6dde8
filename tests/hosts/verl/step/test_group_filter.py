"""verl's own replay buffers with the group filter by votes: what is evicted, refilled and counted."""

import random
from collections import Counter

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import transfer_queue as tq
from verl.trainer.ppo.v1 import replay_buffer
from verl.trainer.ppo.v1.trainer_base import PPOTrainer

from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.filter_groups import GroupFilterSettings
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.run_state import has_state, state_of
from gd2po.hosts.verl.step.group_filter import GroupFilter, group_metrics, living_votes

BATCH, STEP = 4, 7

LIVING = [{"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 1.0}]
ONE_OF_TWO = [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}]
TIED = [{"a": 1.0, "b": 0.5}] * 2
OPPOSED = [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]

GROUPS = {"living": LIVING, "tied": TIED, "opposed": OPPOSED}


class Queue:
    """A TransferQueue in memory; prompts that are submitted are whole at the next look, by a script.

    Attributes:
        items: Key → tag, of the partition train.
        script: The names of the groups that prompts become, in the order in which they are submitted; then `living`.
        submitted: The number of prompts that were submitted.
    """

    def __init__(self, script=(), delay=lambda: 0):
        self.items, self.infos, self.script, self.submitted = {}, {}, list(script), 0
        self.delay, self._waiting = delay, {}

    def submit(self, prompts):
        for _ in range(prompts):
            uid = f"u{self.submitted:03}"
            kind = self.script[self.submitted] if self.submitted < len(self.script) else "living"
            self.submitted += 1
            self._waiting[uid] = [self.delay(), kind]
            self.items[uid] = {"is_prompt": True, "status": "pending", "global_steps": STEP}

    def kv_list(self, *_):
        for uid, entry in list(self._waiting.items()):
            entry[0] -= 1
            if entry[0] < 0:
                self.finish(uid, entry[1])
                del self._waiting[uid]
        return {"train": {key: dict(tag) for key, tag in self.items.items()}}

    def finish(self, uid, kind):
        if kind == "failed":
            self.items[uid]["status"] = "failure"
            return
        self.items[uid] |= {"status": "finished", "kind": kind}
        for session, info in enumerate(GROUPS[kind]):
            self.items[f"{uid}_{session}_0"] = {"status": "success"}
            self.infos[f"{uid}_{session}_0"] = info | {"score": info["a"] + info["b"]}

    def kv_batch_get(self, keys, partition_id, select_fields):
        assert select_fields == ["extra_fields"] and partition_id == "train"
        return {"extra_fields": [{"reward_extra_info": self.infos[key]} for key in keys]}

    def kv_clear(self, keys, partition_id):
        for key in keys:
            self.items.pop(key, None)


@pytest.fixture
def trainer(verl_config, rewards, monkeypatch):
    """verl's trainer with a buffer that it has built itself, on a queue in memory."""
    monkeypatch.setattr(replay_buffer.time, "sleep", lambda _: None)

    def trainer(*overrides, queue=None, estimator="gd2po", metric="gd2po", mode="sync"):
        queue = queue or Queue()
        for name in ("kv_list", "kv_batch_get", "kv_clear"):
            monkeypatch.setattr(tq, name, getattr(queue, name))
        config = verl_config(
            f"algorithm.adv_estimator={estimator}",
            *rewards("a", "b"),
            "algorithm.filter_groups.enable=true",
            f"algorithm.filter_groups.metric={metric}",
            f"data.train_batch_size={BATCH}",
            f"trainer.v1.trainer_mode={mode}",
            *overrides,
        )
        trainer = PPOTrainer.__new__(_Trainer)
        trainer.config, trainer.trainer_mode, trainer._add_prompts_to_generate = config, mode, queue.submit
        trainer.replay_buffer = trainer._build_replay_buffer()
        trainer.queue = queue
        return trainer

    return trainer


class _Trainer(PPOTrainer):
    on_step_end = on_sample_end = lambda self: None
    global_steps = 1


def sample(trainer, batch=BATCH):
    """A step: its prompts are submitted and sampled. Prompts of the batch, and the metrics of verl and of ours."""
    trainer.queue.submit(batch)
    drawn, metrics = trainer.replay_buffer.sample(global_steps=STEP, partition_id="train", batch_size=batch)
    return {key.partition("_")[0] for key in drawn.keys}, metrics | group_metrics(trainer, drawn)


MODES = ("sync", "colocate_async", "separate_async")


@pytest.mark.parametrize("mode", MODES)
def test_groups_without_a_living_vote_are_refilled_and_counted_by_reason(trainer, mode):
    filtering = trainer(queue=Queue(["tied", "living", "opposed", "living"]), mode=mode)
    prompts, metrics = sample(filtering)
    assert len(prompts) == BATCH and prompts.isdisjoint({"u000", "u002"})
    assert metrics["training/filter_groups/evicted_samples"] == 2
    assert metrics["filter_groups/evicted_without_vote"] == 1 and metrics["filter_groups/evicted_masked"] == 1
    assert metrics["filter_groups/evicted_with_vote"] == 0 == metrics["filter_groups/kept_without_vote"]
    assert metrics["filter_groups/refilled"] == (4 if mode == "sync" else 2) == filtering.queue.submitted - BATCH
    if mode == "sync":
        assert metrics["training/filter_groups/discarded_surplus_samples"] == 2


def test_without_a_conflict_filter_opposed_votes_are_votes(trainer):
    prompts, metrics = sample(trainer(queue=Queue(["opposed", "tied"]), estimator="gdpo"))
    assert "u000" in prompts or metrics["training/filter_groups/discarded_surplus_samples"]
    assert metrics["filter_groups/evicted_masked"] == 0 and metrics["filter_groups/evicted_without_vote"] == 1


def test_a_step_counts_from_nothing(trainer):
    filtering = trainer(queue=Queue(["tied"] * BATCH))
    assert sample(filtering)[1]["filter_groups/refilled"] == BATCH
    assert not any(value for name, value in sample(filtering)[1].items() if name.startswith("filter_groups/"))


@pytest.mark.parametrize("batches", [2, 3])
def test_at_the_limit_the_batch_is_filled_with_what_is_there(trainer, batches):
    filtering = trainer(f"algorithm.filter_groups.max_num_gen_batches={batches}", queue=Queue(["tied"] * 100))
    prompts, metrics = sample(filtering)
    assert filtering.queue.submitted == batches * BATCH
    assert len(prompts) == metrics["filter_groups/kept_without_vote"] == BATCH
    assert metrics["filter_groups/evicted_without_vote"] == (batches - 1) * BATCH


def test_a_group_without_a_vote_never_takes_the_place_of_one_with_a_vote(trainer):
    script = ["tied", "tied", "tied", "living", "tied", "tied", "living", "living"]
    filtering = trainer("algorithm.filter_groups.max_num_gen_batches=2", queue=Queue(script))
    prompts, metrics = sample(filtering)
    assert {"u003", "u006", "u007"} < prompts and metrics["filter_groups/kept_without_vote"] == 1


@pytest.mark.parametrize("mode", MODES[1:])
def test_at_the_limit_the_asynchronous_modes_evict_no_more(trainer, mode):
    filtering = trainer("algorithm.filter_groups.max_num_gen_batches=2", queue=Queue(["tied"] * 100), mode=mode)
    prompts, metrics = sample(filtering)
    assert filtering.queue.submitted == 2 * BATCH
    assert len(prompts) == metrics["filter_groups/kept_without_vote"] == BATCH


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failed", [False, True])
def test_every_step_ends_within_its_limit(trainer, mode, failed):
    """Whatever the groups are, and whenever they are whole."""
    chance = random.Random(0)
    kinds = ["living", "tied", "opposed", *["failed"] * failed]
    for _ in range(60):
        script = chance.choices(kinds, [chance.random() for _ in kinds], k=400)
        batches = chance.choice([2, 3, 5])
        refill_failed = ["+trainer.v1.sampler.sync_refill_failed_groups=true"] if failed else []
        filtering = trainer(
            f"algorithm.filter_groups.max_num_gen_batches={batches}",
            *refill_failed,
            queue=Queue(script, delay=lambda: chance.randrange(6)),
            mode=mode,
        )
        for _ in range(3):
            before = filtering.queue.submitted
            prompts, metrics = sample(filtering)
            generated = filtering.queue.submitted - before
            failures = sum(kind == "failed" for kind in script[before : filtering.queue.submitted])
            assert len(prompts) == BATCH and generated <= batches * BATCH + 4 * failures
            assert metrics["filter_groups/refilled"] == generated - BATCH
            evicted = sum(metrics[f"filter_groups/evicted_{reason}"] for reason in ("without_vote", "masked"))
            assert evicted == metrics.get("training/filter_groups/evicted_samples", 0)


def test_a_step_that_generates_very_much_says_so(trainer, caplog):
    sample(trainer(queue=Queue(["tied"] * 50)))
    assert "has generated" in caplog.text and "without_vote" in caplog.text


def test_one_number_goes_as_verl_goes_and_what_it_throws_away_is_counted(trainer):
    """Groups with the same sum, in which both rewards vote."""
    filtering = trainer(queue=Queue(["opposed", "tied"]), estimator="gdpo", metric="score")
    _, metrics = sample(filtering)
    assert metrics["training/filter_groups/evicted_samples"] == 2
    assert metrics["filter_groups/evicted_with_vote"] == 1 == metrics["filter_groups/evicted_without_vote"]
    filtering = trainer(queue=Queue(["opposed"]), metric="a")
    assert sample(filtering)[1]["filter_groups/kept_without_vote"] == 1, "one number does not see the mask"


@pytest.fixture
def lives(verl_config, rewards):
    def lives(groups, *overrides, estimator="gd2po"):
        settings = settings_of(verl_config(f"algorithm.adv_estimator={estimator}", *rewards("a", "b"), *overrides))
        infos = {f"{uid}_{row}_0": info for uid, group in groups.items() for row, info in enumerate(group)}
        return living_votes(list(infos.values()), list(infos), settings, settings.reward_weights().at(1))

    return lives


@pytest.mark.parametrize(
    ("group", "overrides", "life"),
    [
        (ONE_OF_TWO, [], "with_vote"),
        (TIED, [], "without_vote"),
        (OPPOSED, [], "masked"),
        (OPPOSED, ["+algorithm.gd2po.filter={kind: snr, threshold: 0.0}"], "with_vote"),
        (OPPOSED, ["algorithm.gd2po.rewards.b.weight=0.0"], "with_vote"),
        (OPPOSED, ["+algorithm.gd2po.rewards.b.direction=minimize"], "with_vote"),
        ([{"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 1.0}], ["algorithm.gd2po.rewards.b.weight=0.0"], "without_vote"),
        ([{"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 1.0}], ["+algorithm.gd2po.rewards.b.requires.a=1.0"], "without_vote"),
        ([{"a": 1.0}, {"a": 0.0}], [], "with_vote"),
        ([{"a": None, "b": 1.0}, {"a": None, "b": 1.0}], [], "without_vote"),
        ([{"a": 1.0, "b": 1.0}], [], "without_vote"),
    ],
)
def test_a_vote_lives_where_a_reward_with_weight_varies_and_the_filter_leaves_it(lives, group, overrides, life):
    assert lives({"u": group}, *overrides) == {"u": life}


def test_a_group_is_judged_alike_alone_and_among_others(lives):
    groups = {"u": LIVING, "v": TIED, "w": OPPOSED, "x": ONE_OF_TWO}
    together = lives(groups)
    assert together == {uid: life for uid, group in groups.items() for life in lives({uid: group}).values()}


def test_a_failed_reward_function_ends_the_run_where_groups_are_chosen(lives):
    with pytest.raises(RewardError, match="raised KeyError"):
        lives({"u": [{"gd2po_error": "the reward function raised KeyError"}] * 2})


def test_an_output_that_is_not_the_last_of_its_session_does_not_count(trainer):
    filtering = trainer(queue=Queue(["tied"]))
    filtering.queue.submit(1)
    filtering.queue.kv_list()
    filtering.queue.items["u000_0_1"] = {"status": "success"}
    filtering.queue.infos["u000_0_1"] = {"a": 9.0, "b": 0.5}
    buffer = filtering.replay_buffer
    buffer._sync_metadata_from_transfer_queue()
    assert buffer._dapo_filtered_keys("train") == (set(), Counter())
    filtering.queue.infos["u000_0_1"], filtering.queue.infos["u000_0_0"] = TIED[0], {"a": 9.0, "b": 0.5}
    state_of(buffer).group_filter.lives.clear()
    assert buffer._dapo_filtered_keys("train") == ({"u000"}, Counter())


def test_a_group_of_which_nothing_came_back_has_no_vote(trainer):
    filtering = trainer()
    filtering.queue.items["u"] = {"is_prompt": True, "status": "finished", "global_steps": STEP}
    filtering.replay_buffer._sync_metadata_from_transfer_queue()
    assert filtering.replay_buffer._dapo_filtered_keys("train")[0] == {"u"}


def test_the_limit_is_kept_and_verl_does_not_say_otherwise(trainer, caplog):
    trainer("algorithm.filter_groups.max_num_gen_batches=3")
    assert "is ignored" not in caplog.text
    trainer("algorithm.filter_groups.max_num_gen_batches=3", metric="reward")
    assert "is ignored" in caplog.text


def test_without_a_group_filter_the_buffer_is_verls_own(trainer):
    plain = trainer("algorithm.filter_groups.enable=false")
    assert not has_state(plain.replay_buffer) and plain.replay_buffer.refill_fn == plain.queue.submit
    assert group_metrics(plain, None) == {}


def test_the_buffer_has_what_the_filter_reads(trainer):
    """Attributes are in no signature; each is named here, so that a changed verl is told by its name."""
    buffer = trainer().replay_buffer
    names = ("partitions", "pending_keys", "running_keys", "finished_keys", "failure_keys", "filter_groups_metric")
    for name in (*names, "refill_fn"):
        assert hasattr(buffer, name), f"verl's ReplayBuffer has no {name} any more, which step/group_filter.py reads"


def test_validation_is_never_filtered(trainer):
    assert trainer().replay_buffer._dapo_filtered_keys("val") == (set(), Counter())


def test_waiting_groups_are_remembered_and_others_forgotten():
    groups = GroupFilter(GroupFilterSettings("gd2po", BATCH, None, 1), dict)
    groups.lives = {"trained": "masked", "waiting": "with_vote", "gone": "masked"}
    assert groups.end_step({"trained", "unknown"}, {"waiting", "new"})["filter_groups/kept_without_vote"] == 1
    assert groups.lives == {"waiting": "with_vote"}
