"""What was gathered from all files, as rollouts sorted by group."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from gd2po.defaults import Direction
from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.gathering import Gathering, GoodRows
from gd2po.insight.check.reading.run_settings import RunSettings
from gd2po.insight.check.rollouts import Account, Codes, Numbers, Rollouts
from gd2po.insight.check.step_weights import WeightSources
from gd2po.rewards.composition import apply_gates


def assemble(
    sources: Sequence[FlatSource],
    gathering: Gathering,
    weights: WeightSources,
    directions: dict[str, Direction],
    settings: RunSettings,
) -> Rollouts:
    """The rollouts that count, sorted by group, with an account of the others.

    Args:
        sources: The files that were read.
        gathering: The numbers of their good rows.
        weights: What tells weights, beside the columns of a dump.
        directions: Reward → direction, for every reward.
        settings: The settings of these rewards in their run.

    Raises:
        CheckError: there is no good row, or no group of two.
    """
    roles = gathering.roles
    if not gathering.rows:
        raise CheckError(f"no row can be used. {'; '.join(gathering.faults.examples) or 'The files have no rows.'}")
    whole = gathering.whole()
    weighed = weights.weigh(list(roles.rewards), whole.steps, dict(zip(roles.weights, whole.weights, strict=True)))
    scored = (~np.isnan(whole.scores) & (weighed.values != 0)).any(0)
    last = _last_outputs(whole)
    rows = np.flatnonzero(scored & last)
    rows = rows[np.argsort(whole.groups[rows], kind="stable")]
    groups, lengths = np.unique(whole.groups[rows], return_inverse=True)[1], whole.lengths[rows]
    lengths_told = bool(roles.lengths_from and lengths.any())
    _comparable(groups, roles.group)
    last_step = weighed.values[:, rows[whole.steps[rows].argmax()]].tolist()
    return Rollouts(
        names=tuple(roles.rewards),
        scores=_gated(roles.rewards, whole.scores[:, rows], settings.gates),
        groups=groups,
        lengths=lengths if lengths_told else np.ones_like(lengths),
        sources=whole.sources[rows] if roles.source else None,
        source_names=tuple(gathering.source_names),
        weights=dict(zip(roles.rewards, last_step, strict=True)),
        directions=directions,
        account=Account(
            files=tuple(source.name for source in sources),
            rows=gathering.rows + gathering.faults.count + sum(source.left_out for source in sources),
            bad=gathering.faults.count,
            bad_examples=tuple(gathering.faults.examples),
            unscored=int((~scored & last).sum()),
            earlier_outputs=int((~last).sum()),
            group_column=roles.group,
            by_step=roles.step is not None or bool(roles.file_steps),
            lengths_from=roles.lengths_from if lengths_told else "",
            not_taken=roles.not_taken,
            notes=(*settings.notes(), *roles.notes, *weighed.notes),
        ),
        moved_weights=weighed.values[:, rows] if weighed.move else None,
    )


def _gated(names: Iterable[str], scores: Numbers, gates: Mapping[str, Mapping[str, float]]) -> Numbers:
    if not gates:
        return np.ascontiguousarray(scores)
    columns = dict(zip(names, map(torch.from_numpy, np.ascontiguousarray(scores)), strict=True))
    return np.stack([values.numpy() for values in apply_gates(columns, gates).values()])


def _comparable(groups: Codes, column: str) -> None:
    if not len(groups) or np.bincount(groups).max() < 2:
        raise CheckError(
            f"no two rollouts share a value of {column!r}, so nothing can be compared; name the column that is equal "
            "for all rollouts of a prompt with --group"
        )


def _last_outputs(whole: GoodRows) -> np.ndarray:
    """Which rows are the last output of their session [N] bool: its earlier ones carry the same scores."""
    session, output = whole.sessions
    if output.max() <= 0:
        return np.ones(len(output), dtype=bool)
    order = np.lexsort((output, session, whole.groups))
    same = (np.diff(whole.groups[order]) == 0) & (np.diff(session[order]) == 0) & (session[order][1:] >= 0)
    last = np.ones(len(output), dtype=bool)
    last[order[:-1][same]] = False
    return last
