"""What one step in the isolated environment is asked to do; written by us, read by the child."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gd2po import defaults
from gd2po.evaluation.generation.contract import Decoding
from gd2po.rewards.tool_calling.prompt import TEMPLATE

Step = Literal["generate", "evaluate", "gold"]

REGISTERED = "gd2po"
"""The model's name inside BFCL. No underscore: the evaluator turns it into a slash."""

REFUSAL = 3
"""Exit code of a child that says in the last line of its output why it cannot go on."""

TICKS, ANSWERED, FAILED = "ticks", b".", b"x"
"""File of the ``generate`` step, and its one byte per entry that is answered or is not: for a progress bar."""

CONVERSATIONS = "conversations.jsonl"
"""File of the ``gold`` step: ``messages`` and ``answer`` of every request that a perfect model would be asked."""


@dataclass(frozen=True, slots=True)
class Job:
    """One step over some categories.

    Attributes:
        categories: of :data:`gd2po.evaluation.bfcl.categories.CATEGORIES`.
        template: of the system message, with ``{tools}``.
        model, base_url, api_key_env, timeout: see :class:`gd2po.evaluation.generation.openai_backend.OpenAIBackend`.
        threads: entries under way.
        decoding: of the answers.
    """

    categories: tuple[str, ...]
    template: str = TEMPLATE
    model: str = ""
    base_url: str = ""
    api_key_env: str = defaults.EVAL_API_KEY_ENV
    timeout: float = defaults.EVAL_TIMEOUT
    threads: int = defaults.EVAL_CONCURRENCY
    decoding: Decoding = field(default_factory=Decoding)

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The inverse of :meth:`to_json`."""
        given: dict[str, Any] = json.loads(text)
        return cls(**given | {"categories": tuple(given["categories"]), "decoding": Decoding(**given["decoding"])})
