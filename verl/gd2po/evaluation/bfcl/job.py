"""The order for one step in the isolated environment; written by us, read by the child."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gd2po.evaluation.generation.contract import API_KEY_ENV, CONCURRENCY, TIMEOUT, Decoding
from gd2po.rewards.tool_calling.prompt import TEMPLATE

Step = Literal["generate", "evaluate"]

REGISTERED = "gd2po"
"""The model's name inside BFCL. No underscore: the evaluator turns it into a slash."""

REFUSAL = 3
"""The exit code of a child that says in the last line of its output why it cannot go on."""

TICKS, ANSWERED, FAILED = "ticks", b".", b"x"
"""The file of the ``generate`` step for a progress bar, and its byte for an entry that is answered or is not."""


@dataclass(frozen=True, slots=True)
class Job:
    """One step over some categories.

    Attributes:
        categories: Some of :data:`gd2po.evaluation.bfcl.categories.CATEGORIES`.
        template: The template of the system message, with ``{tools}``.
        model, base_url, api_key_env, timeout: Options of
            :class:`gd2po.evaluation.generation.openai_backend.OpenAIBackend`.
        threads: The number of entries under way at once.
        decoding: The decoding of the answers.
    """

    categories: tuple[str, ...]
    template: str = TEMPLATE
    model: str = ""
    base_url: str = ""
    api_key_env: str = API_KEY_ENV
    timeout: float = TIMEOUT
    threads: int = CONCURRENCY
    decoding: Decoding = field(default_factory=Decoding)

    def to_json(self) -> str:
        """The job as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The inverse of :meth:`to_json`."""
        fields: dict[str, Any] = json.loads(text)
        return cls(**fields | {"categories": tuple(fields["categories"]), "decoding": Decoding(**fields["decoding"])})
