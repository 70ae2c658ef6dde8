"""The data that the steps of an evaluation hand to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gd2po.evaluation.generation import Decoding, Generation
from gd2po.evaluation.safety.declared import Rewards
from gd2po.evaluation.safety.fitting import Fitted
from gd2po.evaluation.safety.items import SafetyPrompt


@dataclass(frozen=True, slots=True)
class SafetyTask:
    """The prompts and reward models of an evaluation.

    Attributes:
        items: The prompts.
        total: The number of prompts without the limit.
        files: The checksum of each file of prompts, by its name.
        rewards: The rewards that score the answers.
    """

    items: Sequence[SafetyPrompt]
    total: int
    files: Mapping[str, str]
    rewards: Rewards


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the policy.

    Attributes:
        fitted: The conversation that the policy saw, by id.
        generations: The policy's answer, by id.
        engine: The description of the engine that answered.
        decoding: The decoding of the answers.
    """

    fitted: Mapping[str, Fitted]
    generations: Mapping[str, Generation]
    engine: Mapping[str, Any]
    decoding: Decoding
