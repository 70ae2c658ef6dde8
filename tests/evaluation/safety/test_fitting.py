"""Long dialogues lose whole turns, and a long turn its beginning."""

import pytest

from gd2po.errors import SettingsError
from gd2po.evaluation.safety.fitting import Fitter, load_fitter


def dialogue(*texts, system=None):
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]
    return (*([{"role": "system", "content": system}] if system else []), *turns)


def words(messages):
    return [message["content"] for message in messages]


@pytest.fixture
def fit(word_tokenizer):
    """The dialogue ``a b c``, ``d e``, ``f g`` has 2 + (3 + 2) + (2 + 2) + (2 + 2) = 15 tokens."""
    return lambda limit, messages: Fitter(word_tokenizer, limit).fit(messages)


def test_what_fits_is_left_alone(fit):
    messages = dialogue("a b c", "d e", "f g")
    assert fit(15, messages).messages is messages and fit(15, messages).cut is None


def test_the_earliest_turns_go_until_it_fits_and_a_user_begins(fit):
    fitted = fit(14, dialogue("a b c", "d e", "f g"))
    assert words(fitted.messages) == ["f g"] and fitted.cut == "turns"
    fitted = fit(19, dialogue("a", "b", "c d", "e", "f g"))
    assert words(fitted.messages) == ["a", "b", "c d", "e", "f g"]
    fitted = fit(18, dialogue("a", "b", "c d", "e", "f g"))
    assert words(fitted.messages) == ["c d", "e", "f g"] and fitted.messages[0]["role"] == "user"


def test_a_system_message_stays(fit):
    fitted = fit(14, dialogue("a b c", "d e", "f g", system="be kind"))
    assert words(fitted.messages) == ["be kind", "f g"] and fitted.cut == "turns"


def test_two_turns_of_one_role_in_a_row_are_no_obstacle(fit):
    roles = ("user", "assistant", "assistant", "user")
    messages = tuple({"role": role, "content": "a b c"} for role in roles)
    assert words(fit(21, messages).messages) == ["a b c"]


@pytest.mark.parametrize(("limit", "left"), [(9, "b c d e f"), (5, "f")])
def test_a_long_last_turn_loses_its_beginning(fit, limit, left):
    messages = dialogue("x", "y", "a b c d e f")
    fitted = fit(limit, messages)
    assert words(fitted.messages) == [left] and fitted.cut == "text"
    assert words(messages) == ["x", "y", "a b c d e f"], "the conversation itself was changed"


def test_a_limit_below_the_template_is_refused(fit):
    with pytest.raises(SettingsError, match="no turn fits into prompts of 4 tokens"):
        fit(4, dialogue("a b"))


def test_a_tokenizer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="with --tokenizer"):
        load_fitter(str(tmp_path / "absent"), 512)
