"""Reward models by transformers: what is loaded, and what is refused."""

import pytest
import torch

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.hosting import local
from gd2po.rewards.models.hosting.local import LocalRewardModel

ROWS = [[5, 6, 7], [8] * 40, [9, 10], list(range(20, 60)), [11]]


def test_a_guard_gives_what_it_gives_alone(guard_model):
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(guard_model)
    answers = LocalRewardModel(str(guard_model), "guard").answer(ROWS)
    for row, log_probs in zip(ROWS, answers, strict=True):
        expected = plain(torch.tensor([row])).logits[0, -1].log_softmax(-1)
        assert torch.allclose(log_probs, expected, atol=1e-5)


def test_a_score_does_not_depend_on_the_others(scalar_model):
    model = LocalRewardModel(str(scalar_model), "scalar")
    together = model.answer(ROWS)
    assert [model.answer([row])[0] for row in ROWS] == pytest.approx(together, abs=1e-5)
    assert len(set(together)) == len(ROWS)


@pytest.fixture
def unchecked(monkeypatch):
    """As for a name on the hub, whose files are looked at only when they are loaded."""
    monkeypatch.setattr(local, "check_checkpoint", lambda path, kind: None)


def test_a_random_head_is_never_served(unchecked, guard_model):
    with pytest.raises(RewardModelError, match=r"lacks score\.weight, so a Qwen2ForSeq.*unused are lm_head\.weight"):
        LocalRewardModel(str(guard_model), "scalar")


def test_a_head_with_two_outputs_is_refused(unchecked, tmp_path, tiny_config, tokenizer):
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    config = Qwen2Config(vocab_size=len(tokenizer), num_labels=2, **tiny_config)
    Qwen2ForSequenceClassification(config).save_pretrained(tmp_path)
    with pytest.raises(RewardModelError, match="has 2 outputs"):
        LocalRewardModel(str(tmp_path), "scalar")


def test_what_is_not_there_is_refused(unchecked, tmp_path):
    with pytest.raises(RewardModelError, match="cannot be loaded"):
        LocalRewardModel(str(tmp_path / "nothing"), "scalar")
