"""The prompt that a question becomes."""

import json

from gd2po.evaluation.bfcl.dialogue import EntryDialogue

FUNCTION = {
    "name": "book",
    "description": "Books a room.",
    "parameters": {
        "type": "dict",
        "required": ["city"],
        "properties": {
            "city": {"type": "string", "description": "where"},
            "rooms": {"type": "integer", "description": "how many", "default": 1},
        },
    },
}


def prompt(dialogue: EntryDialogue) -> tuple[str, str]:
    system, user = dialogue.messages()
    assert (system["role"], user["role"]) == ("system", "user")
    return system["content"], user["content"]


def test_functions_are_offered_in_the_layout_of_training():
    system, _ = prompt(EntryDialogue([FUNCTION]))
    assert "1. Name: book\nDescription: Books a room.\nParameters: " in system
    shown = json.loads(system.split("Parameters: ")[1].split("\n")[0])
    assert shown == {
        "city": {"type": "string", "description": "where"},
        "rooms": {"type": "integer, optional", "description": "how many", "default": 1},
    }


def test_another_wording_can_be_given():
    system, _ = prompt(EntryDialogue([FUNCTION], "Use these:\n{tools}\nGood luck."))
    assert system.startswith("Use these:\n1. Name: book") and system.endswith("Good luck.")


def test_the_functions_are_not_changed():
    before = json.dumps(FUNCTION)
    EntryDialogue([FUNCTION]).messages()
    assert json.dumps(FUNCTION) == before


def test_a_dialogue_is_one_user_message():
    dialogue = EntryDialogue([FUNCTION])
    dialogue.say([{"role": "user", "content": "A room in Oslo."}])
    said = '<think> t </think>\n<tool_call>\n{"name": "book", "parameters": {"city": "Oslo"}}\n</tool_call>'
    dialogue.answer(said)
    dialogue.observe(["book"], ['{"room": 7}'])
    dialogue.answer("<think> t </think>\n<response> Done. </response>")
    dialogue.say([{"role": "user", "content": "Thanks."}])
    _, user = prompt(dialogue)
    assert user.split("\n")[1:] == [
        "<user> A room in Oslo. </user>",
        *said.split("\n"),
        '<obs> [{"name": "book", "results": {"room": 7}}] </obs>',
        "<think> t </think>",
        "<response> Done. </response>",
        "<user> Thanks. </user>",
    ]


def test_what_a_function_says_in_words_stays_words():
    dialogue = EntryDialogue([FUNCTION])
    dialogue.observe(["book", "book"], ["Error during execution: no", "None"])
    assert '"results": "Error during execution: no"' in prompt(dialogue)[1]
    assert '"results": "None"' in prompt(dialogue)[1]


def test_system_messages_of_a_question_are_kept():
    dialogue = EntryDialogue([FUNCTION])
    dialogue.say([{"role": "system", "content": "Today is Monday.\n"}, {"role": "user", "content": "Hi"}])
    system, user = prompt(dialogue)
    assert system.endswith("\n\nToday is Monday.") and "Monday" not in user


def test_answers_that_a_question_brings_along_are_responses():
    dialogue = EntryDialogue([FUNCTION])
    dialogue.say([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}])
    assert prompt(dialogue)[1].endswith("<user> Hi </user>\n<response> Hello </response>")
