"""A perfect model in BFCL's environment, in place of the child process that asks a server.

It is made of BFCL's possible answers and goes through BFCL's own loops. Arguments: the step, which is ``generate``, and
the job. It also writes ``conversations.jsonl``: ``id``, ``messages`` and ``answer`` of each request.
"""

import ast
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bfcl_eval.constants.eval_config import PROJECT_ROOT
from bfcl_eval.utils import (
    extract_test_category_from_id,
    is_java,
    is_js,
    is_multi_turn,
    is_relevance_or_irrelevance,
    load_dataset_entry,
    load_ground_truth_entry,
)

from gd2po.evaluation.bfcl.categories import is_irrelevance
from gd2po.evaluation.bfcl.child.handler import GrammarHandler
from gd2po.evaluation.bfcl.child.steps import generate
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.generation.contract import Generation
from gd2po.rewards.tool_calling.answers import write_answer

CONVERSATIONS = "conversations.jsonl"

Call = dict[str, Any]
"""``name`` and ``parameters``."""

Declared = Mapping[str, Any]
"""The ``type`` of a parameter and of its ``items``, in BFCL's names."""

_JAVA_SUFFIXES = {"long": "L", "float": "f"}

_NO_CALL = write_answer(response="That is all I can do here.", think="No tool is needed now.")


class GoldHandler(GrammarHandler):
    """Answers from the possible answers, and writes each conversation down with its answer."""

    def __init__(self, model_name: str, temperature: float, registry_name: str, is_fc_model: bool, job: Job) -> None:
        super().__init__(model_name, temperature, registry_name, is_fc_model, job)
        self._answers = {id: answers for category in job.categories for id, answers in _gold(category)}
        self._file = (Path(PROJECT_ROOT) / CONVERSATIONS).open("w", encoding="utf-8")
        self._writing = threading.Lock()

    def inference(self, test_entry: dict, include_input_log: bool, exclude_state_log: bool) -> tuple[Any, dict]:
        """Answer one entry."""
        self._entry.id = test_entry["id"]
        self._entry.answers = iter(self._answers[self._entry.id])
        return super().inference(test_entry, include_input_log, exclude_state_log)

    def ask(self, messages: tuple[dict[str, str], ...]) -> Generation:
        """The next answer of the entry."""
        answer = next(self._entry.answers)
        with self._writing:
            self._file.write(json.dumps({"id": self._entry.id, "messages": messages, "answer": answer}) + "\n")
            self._file.flush()
        return Generation("", answer, "stop")


def _gold(category: str) -> Iterator[tuple[str, list[str]]]:
    """Identifier and answers of each entry, in the order in which they are asked for."""
    entries = load_dataset_entry(category, include_language_specific_hint=False)
    if is_relevance_or_irrelevance(category):
        for entry in entries:
            yield entry["id"], [_NO_CALL if is_irrelevance(category) else write_answer([_some_call(entry)])]
        return
    for entry, truth in zip(entries, load_ground_truth_entry(category), strict=True):
        if is_multi_turn(category):
            yield entry["id"], list(_turns(entry, truth["ground_truth"]))
        else:
            yield entry["id"], [write_answer([_single(entry, possible) for possible in truth["ground_truth"]])]


def _some_call(entry: Mapping[str, Any]) -> Call:
    """What is right where any call is."""
    return {"name": entry["function"][0]["name"], "parameters": {}}


def _turns(entry: Mapping[str, Any], turns: Sequence[Sequence[str]]) -> Iterator[str]:
    """Per turn all its calls at once, then an answer without a call, which ends the turn."""
    functions = [*entry["function"], *(late for turn in entry.get("missed_function", {}).values() for late in turn)]
    parameters = {function["name"]: list(function["parameters"]["properties"]) for function in functions}
    for turn in turns:
        if turn:
            yield write_answer([_parsed(call, parameters) for call in turn])
        yield _NO_CALL


def _parsed(text: str, parameters: Mapping[str, Sequence[str]]) -> Call:
    """A call in Python's syntax; values without a name belong to the parameters in their order."""
    node: Any = ast.parse(text, mode="eval").body
    name = node.func.id
    values = {parameters[name][place]: value for place, value in enumerate(node.args)}
    values |= {keyword.arg: keyword.value for keyword in node.keywords}
    return {"name": name, "parameters": {parameter: ast.literal_eval(value) for parameter, value in values.items()}}


def _single(entry: Mapping[str, Any], possible: Mapping[str, Mapping[str, Any]]) -> Call:
    """The call that a possible answer of single turn describes, ``{name: {parameter: [accepted values]}}``."""
    ((name, accepted),) = possible.items()
    (function,) = (function for function in entry["function"] if function["name"] == name)
    declared = function["parameters"]["properties"]
    chosen = {
        parameter: _chosen(values)
        for parameter, values in accepted.items()
        if parameter in function["parameters"]["required"] or not _optional(values, parameter in declared)
    }
    category = extract_test_category_from_id(entry["id"])
    if is_java(category) or is_js(category):
        write = java if is_java(category) else javascript
        chosen = {parameter: write(value, declared[parameter]) for parameter, value in chosen.items()}
    return {"name": name, "parameters": chosen}


def _optional(values: Any, declared: bool = True) -> bool:
    """Whether a parameter is better left out; ``""`` among the accepted values says that it may be."""
    return values == [""] or (not declared and "" in values)


def _chosen(values: Any) -> Any:
    """One of the accepted values."""
    value = next((value for value in values if value != ""), values and "") if isinstance(values, list) else values
    if isinstance(value, dict):
        return _entries(value)
    if isinstance(value, list):
        return [_entries(item) if isinstance(item, dict) else item for item in value]
    return value


def _entries(accepted: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _chosen(values) for key, values in accepted.items() if not _optional(values)}


def java(value: Any, declared: Declared) -> str:
    """``value`` as an expression of Java; a string where another type is declared names a variable.

    The evaluator keeps the quotes of strings in an array and drops those in an ArrayList.
    """
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        item = declared["items"]["type"]
        if declared["type"] == "Array":
            return f"new {item}[]{{{', '.join(java(element, {'type': item}) for element in value)}}}"
        return f"new ArrayList<>(Arrays.asList({', '.join(_quoted(element, item) for element in value)}))"
    if isinstance(value, dict):
        puts = (f"put({json.dumps(key)}, {_quoted(element)});" for key, element in value.items())
        return f"new HashMap<>() {{{{ {' '.join(puts)} }}}}"
    return f"{value}{_JAVA_SUFFIXES.get(declared['type'], '') if isinstance(value, int | float) else ''}"


def javascript(value: Any, declared: Declared) -> str:
    """``value`` as an expression of JavaScript; a string where another type is declared names a variable."""
    if isinstance(value, list | dict | bool):
        return _object(value)
    return str(value)


def _quoted(value: Any, item: str = "any") -> str:
    return json.dumps(value) if isinstance(value, str) else java(value, {"type": item})


def _object(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_object(element)}' for key, element in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_object(element) for element in value)}]"
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdin = open(os.devnull)  # noqa: SIM115
    generate(Job.from_json(sys.argv[2]), GoldHandler)
