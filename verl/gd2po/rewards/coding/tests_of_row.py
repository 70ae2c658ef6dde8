"""The tests of a problem, from the forms in which data sets have them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gd2po.errors import DataError
from gd2po.rewards.coding.sandbox.contract import Style
from gd2po.rewards.scores import shown

_FORMS = (
    "expected {'inputs': […], 'outputs': […]} with 'fn_name' for calls (APPS, TACO, Eurus-2), {'test_list': […]} "
    "(MBPP), or {'test': …, 'entry_point': …} (HumanEval), as an object or its JSON"
)
_PARTS = ("public_tests", "private_tests", "generated_tests")


@dataclass(frozen=True, slots=True)
class Tests:
    """The tests of one problem.

    Attributes:
        style: How they are run.
        entry: The name of the function that is called or tested; "" where there is none.
        inputs: For each test: the standard input as bytes, the list of arguments, or the statements.
        expected: For each test: the standard output as text, or the value; empty for statements.
        preamble: Python that stands before the program: what the problem gives, such as imports and helpers.
    """

    style: Style
    entry: str
    inputs: list[Any]
    expected: list[Any]
    preamble: str = ""

    def sample(self, most: int | None) -> "Tests":
        """At most so many of the tests, spread evenly over all; the same ones at every call."""
        count = len(self.inputs)
        if most is None or count <= most:
            return self
        chosen = [number * count // most for number in range(most)]
        inputs, expected = ([part[i] for i in chosen if part] for part in (self.inputs, self.expected))
        return replace(self, inputs=inputs, expected=expected)


def read_tests(tests: str | Mapping[str, Any]) -> Tests:
    """The tests of a row.

    Args:
        tests: A mapping, or its JSON. `inputs` and `outputs` are as many texts (a list of lines is joined), or with
            `fn_name` the arguments and the value of a call: a list, or JSON, one argument a line. `public_tests`,
            `private_tests` and `generated_tests` (CodeContests) each hold `input` and `output`. `test_list` (or
            `asserts`) holds statements, each a test, behind `test_setup_code` (or `setup`). `test` is a program that
            defines `check`, which is called with the function of the name in `entry_point`; its `prompt` stands before
            the program.

    Raises:
        DataError: There is no test, or a test that cannot be read; the message says which.
    """
    row = _as_mapping(tests)
    if "test" in row and "entry_point" in row:
        statement = _statement(f"{row['test']}\ncheck({row['entry_point']})\n", 0)
        return Tests("assert", str(row["entry_point"]), [statement], [], str(row.get("prompt") or ""))
    statements = _plain(row.get("test_list", row.get("asserts")))
    if statements is not None:
        setup = row.get("test_setup_code", row.get("setup")) or ""
        listed = _some(_listed(statements))
        return Tests("assert", "", [_statement(f"{setup}\n{text}\n", i) for i, text in enumerate(listed)], [])
    if any(part in row for part in _PARTS):
        parts = [_as_mapping(row[part]) for part in _PARTS if row.get(part)]
        row = {name: [value for part in parts for value in _column(part, name)] for name in ("inputs", "outputs")}
    inputs, outputs = _some(_column(row, "inputs")), _column(row, "outputs")
    if len(inputs) != len(outputs):
        raise DataError(f"the tests have {len(inputs)} inputs and {len(outputs)} outputs; expected as many of both")
    if entry := row.get("fn_name"):
        return Tests("call", str(entry), [_arguments(given, i) for i, given in enumerate(inputs)], _values(outputs))
    return Tests(
        "stdin",
        "",
        [_encoded(_text(given, "input", i), "input", i, "surrogateescape") for i, given in enumerate(inputs)],
        [_text(output, "output", i) for i, output in enumerate(outputs)],
    )


def _as_mapping(tests: Any) -> Mapping[str, Any]:
    if isinstance(tests, str):
        try:
            tests = json.loads(tests)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the tests are no JSON ({error}): found {shown(tests)}; {_FORMS}") from error
    if not isinstance(tests, Mapping):
        raise DataError(f"the tests are {shown(tests)}; {_FORMS}")
    return tests


def _plain(values: Any) -> Any:
    """Arrays, which data files give back, as lists."""
    return values.tolist() if hasattr(values, "tolist") else values


def _listed(values: Any) -> list[Any]:
    values = _plain(values)
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise DataError(f"the tests are {shown(values)}, expected a list; {_FORMS}")
    return list(values)


def _column(row: Mapping[str, Any], name: str) -> list[Any]:
    values = row.get(name, row.get(name.removesuffix("s")))
    if values is None:
        raise DataError(f"the tests have no {name!r}, found {', '.join(map(repr, row)) or 'nothing'}; {_FORMS}")
    return _listed(values)


def _some(inputs: list[Any]) -> list[Any]:
    if not inputs:
        raise DataError("there is no test: every program would pass; leave the row out, or give it tests")
    return inputs


def _text(value: Any, what: str, index: int) -> str:
    value = _plain(value)
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        return "\n".join(line.removesuffix("\n") for line in value) + "\n"
    if not isinstance(value, str):
        raise DataError(f"the {what} of test {index} is {shown(value)}, expected text")
    return value


def _statement(text: str, index: int) -> str:
    _encoded(text, "statement", index, "strict")
    return text


def _encoded(text: str, what: str, index: int, errors: str) -> bytes:
    try:
        return text.encode("utf-8", errors)
    except UnicodeEncodeError as error:
        raise DataError(
            f"the {what} of test {index} holds half of a surrogate pair ({text[error.start : error.end]!a}), which is "
            "no character and cannot be written: mend the text"
        ) from error


def _arguments(given: Any, index: int) -> list[Any]:
    given = _plain(given)
    if isinstance(given, (list, tuple)):
        return list(given)
    try:
        return [json.loads(line) for line in given.splitlines() if line.strip()]
    except (AttributeError, ValueError, RecursionError) as error:
        raise DataError(
            f"the input of test {index} is {shown(given)}, expected a list of arguments or one in JSON on each line: "
            f"{error}"
        ) from error


def _values(outputs: list[Any]) -> list[Any]:
    """Expected values: JSON where it is text that is JSON, else the value itself."""
    values = []
    for output in map(_plain, outputs):
        try:
            values.append(json.loads(output) if isinstance(output, str) else output)
        except (ValueError, RecursionError):
            values.append(output)
    return values
