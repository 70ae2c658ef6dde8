"""The conversation of a row, as the reward manager hands it to its models."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gd2po.hosts.verl.reward_models.manager import NamedRewardManager
from gd2po.quickstart.tokenizer import train_tokenizer
from gd2po.rewards.models.contract import RewardModelError


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(["bake bread", "mix flour"], 320)


def conversation(tokenizer: Any, messages: list[dict[str, Any]]) -> Any:
    manager = NamedRewardManager.__new__(NamedRewardManager)
    manager.tokenizer, manager._prompt_length, manager._template = tokenizer, 100, {}
    answer = torch.tensor(tokenizer("mix flour")["input_ids"])
    batch = {"responses": answer, "attention_mask": torch.ones(3 + len(answer), dtype=torch.long)}
    return manager._conversation(SimpleNamespace(batch=batch, non_tensor_batch={"raw_prompt": messages}))


def test_no_message_is_read_as_the_text_of_a_python_object(tokenizer):
    """As Parquet gives a column of messages: every entry in every row, most of them None."""
    call = {"type": "function", "function": {"name": "bake", "arguments": "{}"}}
    rows = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "bake "}, {"type": "text", "text": "bread"}],
            "name": None,
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "mix", "tool_calls": []},
    ]
    full, seen, response = conversation(tokenizer, rows)
    assert (
        full
        == seen
        == [
            {"role": "user", "content": "bake bread"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "mix"},
        ]
    )
    assert response == "mix flour"


def test_an_image_is_refused(tokenizer):
    with pytest.raises(RewardModelError, match=r"message 1 of a prompt \(user\).*part of type 'image'"):
        conversation(tokenizer, [{"role": "user", "content": [{"type": "image", "image": "x"}]}])
