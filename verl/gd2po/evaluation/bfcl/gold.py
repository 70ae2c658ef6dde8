"""A stand-in for a perfect model: BFCL's possible answers in our grammar, by conversation."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gd2po.evaluation.bfcl.job import CONVERSATIONS, Job
from gd2po.evaluation.bfcl.process import carry_out
from gd2po.evaluation.generation.gold import Conversation, GoldBackend, conversation


@dataclass(frozen=True, slots=True)
class Gold:
    """What a perfect model would say.

    Attributes:
        answers: by conversation.
        torn: pairs of categories → conversations that both contain, to which they want different answers. The
            category that is named first has its answer; the other's entry cannot come out right.
    """

    answers: Mapping[Conversation, str]
    torn: Mapping[tuple[str, str], int]

    def backend(self) -> GoldBackend:
        """Under the name ``gold``."""
        return GoldBackend("gold", self.answers)


def read_gold(categories: tuple[str, ...]) -> Gold:
    """Let BFCL's own loops and simulators run with the possible answers, and take down every conversation.

    Raises:
        BFCLError: they fail.
    """
    with TemporaryDirectory(prefix="gd2po-bfcl-") as root:
        carry_out("gold", Job(categories), Path(root))
        lines = list(_read(Path(root) / CONVERSATIONS))
    return _by_conversation(sorted(lines, key=lambda line: categories.index(_category(line))))


def _by_conversation(lines: Iterable[Mapping[str, Any]]) -> Gold:
    found: dict[Conversation, Mapping[str, Any]] = {}
    torn: Counter[tuple[str, str]] = Counter()
    for line in lines:
        first = found.setdefault(conversation(line["messages"]), line)
        if first["answer"] != line["answer"]:
            torn[_category(first), _category(line)] += 1
    return Gold({key: line["answer"] for key, line in found.items()}, torn)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _category(line: Mapping[str, Any]) -> str:
    return str(line["id"]).rpartition("_")[0]
