"""Which rows of a batch are rollouts: padding dropped, several outputs of one session counted once.

verl names a row ``{uid}_{session}_{index}``: one prompt (uid), one of its rollouts (session), one of the outputs that a
multi-output agent loop makes in it (index). The last output carries the session's reward.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sessions:
    """N rows of a batch as S sessions.

    Attributes:
        final_rows: [S] row that carries the session's reward.
        session_of_row: [N] session of each row; -1 for padding.
    """

    final_rows: list[int]
    session_of_row: Tensor

    @classmethod
    def of(cls, keys: Sequence[str], tags: Sequence[Mapping[str, Any]]) -> "Sessions":
        """Read them off the TransferQueue keys and tags of a batch, in batch order."""
        last: dict[str, tuple[int, int]] = {}
        numbers: dict[str, int] = {}
        session_of_row = []
        for row, (key, tag) in enumerate(zip(keys, tags, strict=True)):
            if tag.get("is_padding", False):
                session_of_row.append(-1)
                continue
            session, _, index = key.rpartition("_")
            session_of_row.append(numbers.setdefault(session, len(numbers)))
            if session not in last or last[session][0] < int(index):
                last[session] = (int(index), row)
        return cls([row for _, row in last.values()], torch.tensor(session_of_row, dtype=torch.long))

    def token_counts(self, row_tokens: Tensor) -> Tensor:
        """[S] response tokens of each session, over all its outputs; ``row_tokens`` is [N]."""
        real = self.session_of_row >= 0
        counts = torch.zeros(len(self.final_rows), dtype=torch.float64)
        return counts.index_add_(0, self.session_of_row[real], row_tokens.cpu()[real].to(torch.float64))

    def to_rows(self, values: Tensor) -> Tensor:
        """[S] → [N]: every output of a session gets its value, padding gets 0."""
        padded = torch.cat([values, values.new_zeros(1)])  # index -1 is the zero
        return padded[self.session_of_row]
