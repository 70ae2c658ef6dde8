"""verl's real reward worker and manager around reward functions that misbehave."""

import asyncio
import math

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.scores import ERROR_KEY
from gd2po.quickstart.tokenizer import train_tokenizer

HEAD = "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return "


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    tokenizer = train_tokenizer(["some words to learn from"], vocabulary=300)
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(path)
    return tokenizer, path


@pytest.fixture
def score(verl_config, rewards, tokenizer, tmp_path):
    """Run a reward function given as an expression through verl's worker; returns what the trainer would see."""

    def run(expression: str, *overrides: str, text: str = "words", head: str = HEAD) -> dict:
        path = tmp_path / "reward.py"
        path.write_text(head + expression)
        config = verl_config(
            f"reward.custom_reward_function.path={path}",
            f"actor_rollout_ref.model.path={tokenizer[1]}",
            *(overrides or ["algorithm.adv_estimator=gd2po", *rewards("a", "b")]),
        )
        return asyncio.run(_score(config, tokenizer[0], text))

    return run


async def _score(config, tokenizer, text: str) -> dict:
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    batch = TensorDict({"responses": ids, "attention_mask": torch.ones_like(ids)}, batch_size=1)
    sample = {
        "data_source": "rlla",
        "reward_model": {"ground_truth": "g"},
        "extra_info": {"split": "train", "index": 17},
        "response_len": ids.shape[1],
    }
    data = DataProto(batch, non_tensor_batch={name: np.array([value]) for name, value in sample.items()})
    return await RewardLoopWorker(config).compute_score(data)


def test_a_function_is_told_the_number_of_generated_tokens(score, tokenizer):
    result = score("{'a': 1.0, 'b': extra_info['response_tokens']}")
    assert result["reward_extra_info"]["b"] == len(tokenizer[0]("words")["input_ids"])


def test_named_scores_pass_and_their_weighted_sum_is_the_total(score):
    result = score("{'a': 1.5, 'b': len(solution_str), 'note': 'kept'}")
    assert result == {"reward_score": 6.5, "reward_extra_info": {"a": 1.5, "b": 5.0, "note": "kept", "score": 6.5}}


def test_a_total_of_the_function_itself_stays(score):
    assert score("{'a': 1.0, 'b': 1.0, 'score': 9.0}")["reward_score"] == 9.0


def test_directions_weights_and_gates_enter_the_total(score):
    block = "+algorithm.gd2po.rewards={a: {weight: 2.0}, b: {direction: minimize}, c: {requires: {a: 3.0}}}"
    result = score("{'a': 1.0, 'b': 0.25, 'c': 100.0}", "algorithm.adv_estimator=grpo", block)
    assert result["reward_score"] == 1.75


@pytest.mark.parametrize("absent", ["None", "float('nan')"])
def test_not_scored_stays_not_scored(score, absent):
    """None, since verl's validation leaves None out of its means and NaN would spread."""
    result = score(f"{{'a': {absent}, 'b': 1.0}}")
    assert result["reward_extra_info"]["a"] is None and result["reward_score"] == 1.0


def test_booleans_are_one_and_zero_in_training_and_in_its_dumps(score):
    """As in gd2po check."""
    result = score("{'a': True, 'b': False, 'score': True}")
    assert result == {"reward_score": 1.0, "reward_extra_info": {"a": 1.0, "b": 0.0, "score": 1.0}}
    assert {type(value) for value in result["reward_extra_info"].values()} == {float}


def test_a_number_alone_is_verls_acc(score):
    assert score("0.5") == {"reward_score": 0.5, "reward_extra_info": {"acc": 0.5}}


def test_async_functions_are_awaited(score):
    assert score("{'a': 1.0, 'b': 2.0}", head="async " + HEAD)["reward_score"] == 3.0


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{'a': 'high', 'b': 1.0}", "reward 'a' of .*: found 'high' (str); expected a finite number"),
        ("{'a': 'high', 'b': 1.0, 'score': 1.0}", "reward 'a' of .*data_source=rlla.*index=17.*: found 'high' (str)"),
        ("{'a': 1.0, 'b': float('inf'), 'score': 1.0}", "reward 'b' of .*: found inf (float)"),
        ("{'a': 1.0, 'b': 1.0, 'score': float('nan')}", "the total 'score' of .*index=17.* is nan"),
        ("{}['missing']", "the reward function raised KeyError: 'missing' (at .*reward.py:2) on .*index=17"),
    ],
)
def test_an_error_names_reward_sample_and_value(score, expression, message):
    result = score(expression)
    assert result["reward_score"] == 0.0
    escaped = message.replace("(", r"\(").replace(")", r"\)")
    assert result["reward_extra_info"].keys() == {ERROR_KEY}
    with pytest.raises(RewardError, match=escaped):
        raise RewardError(result["reward_extra_info"][ERROR_KEY])


def test_a_colocated_model_raises_at_once(score, monkeypatch):
    """Its scores are awaited by the trainer itself, and verl builds a table from them that an error row would break."""
    monkeypatch.setattr(RewardLoopWorker, "_init_reward_fn", _with_manager_that_raises)
    with pytest.raises(RewardError, match="raised ZeroDivisionError"):
        score(
            "0",
            "algorithm.adv_estimator=gd2po",
            "+algorithm.gd2po.rewards.a.weight=1.0",
            "reward.reward_model.enable=true",
            "reward.reward_model.rollout.name=vllm",
        )


def _with_manager_that_raises(self):
    class Manager:
        async def run_single(self, data):
            return 1 / 0

    self.reward_manager = Manager()


def test_without_named_rewards_verl_is_left_alone(score):
    with pytest.raises(KeyError, match="missing"):
        score("{}['missing']", "algorithm.adv_estimator=grpo")


def test_validation_raises_the_error_of_a_row(bare_trainer, rewards):
    trainer = bare_trainer("algorithm.adv_estimator=gd2po", *rewards("a"))
    rows = ["rlla", "rlla"], ["u0", "u1"]
    infos = {"reward": [0.0, 1.0], "a": [None, 2.0]}
    with pytest.raises(RewardError, match="raised KeyError"):
        trainer._val_metrics_update(*rows, infos | {ERROR_KEY: ["raised KeyError", None]}, [])
    metrics = trainer._val_metrics_update(*rows, infos, [])
    assert metrics["val-aux/rlla/a/mean@1"] == 2.0 and not any(map(math.isnan, metrics.values()))
