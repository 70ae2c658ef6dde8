"""Training rows whose question is also one of a benchmark: found by their text, whatever its spaces and signs."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_SAME = re.compile(r"\\[dt]frac")
_LEFT_OUT = re.compile(
    r"\\(?:left|right|displaystyle|q?quad|text|mathrm)(?![a-z])|[\s$,;:!?(){}\[\]\\'\"`~&_]|\.(?!\d)"
)


def normalised(text: str) -> str:
    """A text without case, spaces, brackets, punctuation and LaTeX's spacing, by which questions are compared.

    Signs of mathematics stay: a question about −1 is not one about 1.
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2212", "-")
    return _LEFT_OUT.sub("", _SAME.sub(r"\\frac", text))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The questions of benchmarks, by their normalised text.

    Attributes:
        names: The first benchmark with each text, such as ``math500/test``.
        absent: The names of benchmarks that were not at hand, so that their questions are not among them.
    """

    names: Mapping[str, str]
    absent: tuple[str, ...] = ()

    @classmethod
    def of(cls, questions: Mapping[str, Iterable[str]], absent: Sequence[str] = ()) -> "HeldOut":
        """The questions of each benchmark, by its name."""
        names: dict[str, str] = {}
        for name, texts in questions.items():
            for text in texts:
                names.setdefault(normalised(text), name)
        return cls(names, tuple(absent))

    def find(self, text: str) -> str | None:
        """The benchmark that asks the same as a text; None where there is none."""
        return self.names.get(normalised(text))

    def notes(self) -> tuple[str, ...]:
        """What a report says of benchmarks that were not at hand."""
        if not self.absent:
            return ()
        names = ", ".join(self.absent)
        return (
            f"{names} {'are' if len(self.absent) > 1 else 'is'} not here, so questions of theirs were not looked for; "
            f"run `gd2po data get {' '.join(self.absent)}` and prepare again",
        )
