"""What is left of a conversation whose beginning was cut off."""

import copy

import pytest

from gd2po.hosts.verl.reward_models.seen import as_seen
from gd2po.quickstart.tokenizer import train_tokenizer

DIALOGUE = [
    {"role": "user", "content": "how do i bake bread ?"},
    {"role": "assistant", "content": "mix flour , water and yeast ."},
    {"role": "user", "content": "and how long does it bake ?"},
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([message["content"] for message in DIALOGUE], 640)


@pytest.fixture(scope="module")
def prompt(tokenizer) -> list[int]:
    return tokenizer.apply_chat_template(DIALOGUE, add_generation_prompt=True)["input_ids"]


def test_a_prompt_that_fits_is_seen_whole(tokenizer, prompt):
    assert as_seen(DIALOGUE, tokenizer, len(prompt), {}) == DIALOGUE


def test_whatever_is_kept_the_contents_are_what_the_kept_text_ends_in(tokenizer, prompt):
    before = copy.deepcopy(DIALOGUE)
    for kept in range(1, len(prompt)):
        text, seen = tokenizer.decode(prompt[-kept:]), as_seen(DIALOGUE, tokenizer, kept, {})
        assert seen[1:] == DIALOGUE[len(DIALOGUE) - len(seen) + 1 :] if seen else True
        assert all(message["content"] in text for message in seen)
        assert sum(text.count(message["content"]) for message in DIALOGUE) <= len(seen)
    assert before == DIALOGUE


@pytest.mark.parametrize("content", ["and how long does it bake ?", " long does it bake ?", " ?"])
def test_a_message_cut_within_has_lost_its_beginning(tokenizer, prompt, content):
    kept = next(n for n in range(len(prompt)) if tokenizer.decode(prompt[-n - 1 :]).find(content) == 0) + 1
    assert as_seen(DIALOGUE, tokenizer, kept, {}) == [{"role": "user", "content": content}]


def test_a_message_that_the_template_rewrites_is_kept(tokenizer):
    shouting = "{% for message in messages %}{{ message['content'] | upper }}\n{% endfor %}"
    assert as_seen(DIALOGUE, tokenizer, 3, {"chat_template": shouting}) == DIALOGUE


TOOLS = """{% for m in messages %}{{ m.role }}: {{ m.content }}
{% for call in m.tool_calls or [] %}{{ call.function.name }}
{% endfor %}
{% endfor %}"""


def test_calls_of_tools_are_seen_whole_or_not_at_all(tokenizer):
    called = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "bake", "arguments": {}}}]}
    dialogue = [DIALOGUE[0], called, {"role": "tool", "content": "mix"}]
    options = {"chat_template": TOOLS}
    prompt = tokenizer.apply_chat_template(dialogue, add_generation_prompt=True, **options)["input_ids"]
    for kept in range(1, len(prompt)):
        text, seen = tokenizer.decode(prompt[-kept:]), as_seen(dialogue, tokenizer, kept, options)
        if "bake\n" in text:
            assert called in seen
        elif not text.partition("tool:")[0].strip():
            assert called not in seen
