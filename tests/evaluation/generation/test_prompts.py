"""Lengths, and what becomes of prompts that are too long."""

import pytest
from jinja2 import TemplateError

from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.generation.prompts import read_prompts


class Words:
    """A tokenizer with one token per word."""

    def apply_chat_template(self, messages, add_generation_prompt, tokenize, return_dict):
        assert add_generation_prompt and tokenize and not return_dict
        words = messages[0]["content"].split()
        if "forbidden" in words:
            raise TemplateError("no such word")
        return list(range(len(words)))


def read(requests, model_context=None, **decoding):
    return read_prompts(requests, Words(), Decoding(**decoding), model_context)


@pytest.mark.parametrize(
    ("length", "room"), [(1, 5), (5, 5), (6, 4), (9, 1)], ids=["short", "just", "less room", "last token"]
)
def test_room_is_the_longest_answer_or_what_the_context_leaves(ask, length, room):
    (prompt,), failures = read(ask("w " * length), max_tokens=5, context=10)
    assert (prompt.id, len(prompt.tokens), prompt.room, failures) == ("0", length, room, [])


def test_a_prompt_without_room_fails_alone_and_says_its_length(ask):
    (kept,), (failed,) = read(ask("w " * 10, "w"), max_tokens=5, context=10)
    assert kept.id == "1"
    assert (failed.id, failed.finish, failed.text, failed.prompt_tokens) == ("0", "error", "", 10)
    assert failed.error == (
        "context_length_exceeded: the prompt has 10 tokens and leaves no room for an answer in the context of 10"
    )


def test_the_models_own_context_bounds_the_room_too(ask):
    (kept,), (failed,) = read(ask("w " * 6, "w " * 8), model_context=8, max_tokens=5, context=10)
    assert kept.room == 2
    assert "8 tokens" in failed.error and "the 8 tokens this model can read" in failed.error


def test_messages_that_the_template_refuses_fail_alone(ask):
    (kept,), (failed,) = read(ask("forbidden", "w"))
    assert kept.id == "1"
    assert failed.error == "the chat template refuses the messages: no such word"
