"""A stand-in server with perfect answers, with which a whole evaluation can be checked, for it must come out perfect.

    python tests/evaluation/gold_server.py api-bank
    python tests/evaluation/gold_server.py bfcl --categories multiple,irrelevance

It serves a model named ``gold`` that knows the right answer to each conversation of a benchmark, and no other.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.cli.app import refusals, until_interrupted
from gd2po.evaluation.api_bank import LEVELS, load_items
from gd2po.evaluation.api_bank.run import messages
from gd2po.evaluation.bfcl.categories import parse_categories
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.bfcl.process import carry_out
from gd2po.evaluation.generation import Decoding, Generation, GenerationRequest
from gd2po.evaluation.generation.serving import serve
from gd2po.rewards.tool_calling.answers import write_answer
from gd2po.rewards.tool_calling.api_bank.tools import gold_call

BFCL_CHILD = Path(__file__).parent / "bfcl" / "gold_child.py"

Conversation = tuple[tuple[str, str], ...]
"""Role and content of each message."""


class GoldBackend:
    """Looks answers up by :func:`conversation`."""

    def __init__(self, answers: Mapping[Conversation, str], model: str = "gold") -> None:
        self.answers, self.model = answers, model

    def describe(self) -> dict[str, Any]:
        """The name alone: there are no weights."""
        return {"name": "gold", "model": self.model, "model_hash": None, "versions": {}}

    def generate(self, requests: Sequence[GenerationRequest], decoding: Decoding) -> Iterator[Generation]:
        """Yield the known answers, uncut; a conversation that is not known is an error."""
        for request in requests:
            answer = self.answers.get(conversation(request.messages))
            if answer is None:
                yield Generation.failed(request.id, f"none of the {len(self.answers)} known conversations")
            else:
                yield Generation(request.id, answer, "stop")

    def __enter__(self) -> "GoldBackend":
        return self

    def __exit__(self, *exception: object) -> None: ...


@dataclass(frozen=True, slots=True)
class GoldAnswers:
    """The answers of a perfect model to categories of BFCL.

    Attributes:
        answers: The answer to each conversation.
        ambiguous: Per pair of categories, the number of conversations that both contain and to which they want
            different answers. The category that is named first has its answer; the other's entry cannot come out right.
    """

    answers: Mapping[Conversation, str]
    ambiguous: Mapping[tuple[str, str], int]


def conversation(messages: Iterable[Mapping[str, str]]) -> Conversation:
    """Messages as a key."""
    return tuple((message["role"], message["content"]) for message in messages)


def api_bank(data: Path) -> GoldBackend:
    """The gold call of every prompt of API-Bank."""
    items = [item for level in LEVELS for item in load_items(level, data)]
    return GoldBackend({conversation(messages(item)): write_answer([asdict(gold_call(item))]) for item in items})


def bfcl(categories: tuple[str, ...]) -> GoldAnswers:
    """Let BFCL's own loops and simulators run with the possible answers, and take down every conversation."""
    with TemporaryDirectory(prefix="gd2po-bfcl-") as root:
        carry_out("generate", Job(categories), Path(root), program=[str(BFCL_CHILD)])
        lines = map(json.loads, (Path(root) / "conversations.jsonl").read_text(encoding="utf-8").splitlines())
        return by_conversation(sorted(lines, key=lambda line: categories.index(category_of(line))))


def by_conversation(lines: Iterable[Mapping[str, Any]]) -> GoldAnswers:
    """One answer to each conversation, that of the first line."""
    first: dict[Conversation, Mapping[str, Any]] = {}
    ambiguous: Counter[tuple[str, str]] = Counter()
    for line in lines:
        known = first.setdefault(conversation(line["messages"]), line)
        if known["answer"] != line["answer"]:
            ambiguous[category_of(known), category_of(line)] += 1
    return GoldAnswers({key: line["answer"] for key, line in first.items()}, ambiguous)


def category_of(line: Mapping[str, Any]) -> str:
    """The category of an entry."""
    return str(line["id"]).rpartition("_")[0]


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=("api-bank", "bfcl"))
    parser.add_argument("--data", type=Path, default=Path("dataset/api_bank"), help="folder of API-Bank's files")
    parser.add_argument("--categories", default="", help="categories of BFCL, comma-separated")
    parser.add_argument("--port", type=int, default=8321)
    options = parser.parse_args()
    with refusals():
        if options.benchmark == "api-bank":
            backend = api_bank(options.data)
        else:
            gold = bfcl(parse_categories(options.categories))
            for (first, second), count in gold.ambiguous.items():
                sys.stderr.write(f"{count} conversations have two right answers; served: {first}, not {second}\n")
            backend = GoldBackend(gold.answers)
        with serve(backend, Decoding(), port=options.port) as url:
            until_interrupted(f"model gold at {url}, until Ctrl-C")


if __name__ == "__main__":
    main()
