"""What this plug-in keeps of a run: one object on verl's trainer, from its first call to its last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gd2po.health import Health
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.settings import Settings
from gd2po.weights import RewardWeights

_ATTRIBUTE = "_gd2po_run_state"
_caller: ContextVar[Any] = ContextVar("gd2po_caller", default=None)

Records = dict[str, dict[str, Any]]
"""Name of a column → session → value. A dictionary for each of thousands of rollouts would be slow."""


@dataclass(frozen=True)
class BatchAdvantages:
    """The advantages of the running batch.

    Attributes:
        keys: [N] TransferQueue keys of the batch.
        advantages: [N] the advantage of each row; 0 for padding.
        forwarded: Indices of the rows whose old log-probabilities the actor computed; None for all rows.
    """

    keys: list[str]
    advantages: Tensor
    forwarded: Tensor | None = None


@dataclass
class Scoring:
    """A batch that the trainer has scored after its rollouts: its rows, and the named scores of each row."""

    batch: Any
    infos: Sequence[Mapping[str, Any]] = ()


@dataclass
class RunState:
    """What is known of one run in one process.

    Attributes:
        settings: The settings of the run.
        started: Whether the first step of this start has begun.
        batch_advantages: The advantages of the latest batch.
        records: The records of rollouts that the trainer has not dumped yet.
        health: The warnings that the run has already given.
        fleet: The reward models that the run has started; None without any.
        step: What is known of the running step: in V1 during ``PPOTrainer._compute_advantage``, in V0 from its
            advantages to its log; None at other times.
        resumable: In V0, the state of the data loader after the latest whole step, until the policy changes again;
            None where it is not known or no checkpoints are made.
        scoring: The running call of ``PPOTrainer._compute_reward_colocate``; None outside of it.
        weights: The weights of the rewards, step by step.
        group_filter: What verl's group filter has seen; None where it is off.
    """

    settings: Settings
    started: bool = False
    batch_advantages: BatchAdvantages | None = None
    records: Records = field(default_factory=dict)
    health: Health | None = None
    fleet: Any = None
    step: Any = None
    resumable: dict[str, Any] | None = None
    scoring: Scoring | None = None
    group_filter: Any = None
    weights: RewardWeights = field(init=False)

    def __post_init__(self) -> None:
        self.weights = self.settings.reward_weights()

    def advantages_of(self, keys: list[str]) -> BatchAdvantages | None:
        """The advantages of the batch with these keys, if they are known already."""
        known = self.batch_advantages
        return known if known is not None and known.keys == keys else None

    def take_records(self) -> Records:
        """Hand the records over; they are kept no longer."""
        records, self.records = self.records, {}
        return records


def state_of(owner: Any) -> RunState:
    """The state of the run, kept on verl's object; the settings are read at the first call.

    Args:
        owner: An object of verl that has the configuration of one of our runs as ``config``: the trainer, its reward
            loop or a reward worker.

    Raises:
        SettingsError: the settings of the run cannot be read.
    """
    attributes = vars(owner)
    if _ATTRIBUTE not in attributes:
        settings = settings_of(owner.config)
        assert settings is not None, "the run is not ours"
        attributes[_ATTRIBUTE] = RunState(settings)
    state: RunState = attributes[_ATTRIBUTE]
    return state


def share_state(owner: Any, state: RunState) -> None:
    """Let another object of the same run, in the same process, have the same state."""
    vars(owner)[_ATTRIBUTE] = state


def has_state(owner: Any) -> bool:
    """Whether the object belongs to a run that was already recognised as ours."""
    return _ATTRIBUTE in getattr(owner, "__dict__", ())


@contextmanager
def calling(owner: Any) -> Iterator[None]:
    """While an object of one of our runs makes a call: what is called inside it finds the object by :func:`caller`."""
    token = _caller.set(owner)
    try:
        yield
    finally:
        _caller.reset(token)


def wrap_calling(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap a method of the trainer that takes no arguments: what is called inside it finds the trainer."""

    def call(self: Any) -> None:
        with calling(self):
            original(self)

    return call


def caller() -> Any:
    """The object of ours inside whose call this one is made; None elsewhere."""
    return _caller.get()
