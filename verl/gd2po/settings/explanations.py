"""Errors of the schema in the words of this project."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gd2po.advantages.registry import ESTIMATORS
from gd2po.errors import nearest

_REMEDIES = {"rewards": "Name the rewards your reward function returns, e.g. rewards: {correctness: {weight: 1.0}}."}


def explain(item: Any, blocks: Mapping[Any, type[BaseModel]]) -> str:
    """One pydantic error in the words of this project: key, found, expected, remedy.

    Args:
        item: The error, as :meth:`pydantic.ValidationError.errors` gives it.
        blocks: The name of a block → its schema; that of the settings as a whole stands under None.
    """
    where = ".".join(["algorithm.gd2po", *(str(part) for part in item["loc"])])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"{where}: {message}"
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown setting.{nearest(str(item['loc'][-1]), _fields_at(item['loc'], blocks))}"
    if item["type"] == "missing":
        return f"{where}: missing. {_REMEDIES.get(str(item['loc'][-1]), 'Set it.')}"
    return f"{where}: found {item['input']!r}; {message[0].lower()}{message[1:]}"


def explain_option(path: tuple[str, ...], text: str, estimator: str, common: Sequence[str]) -> str:
    """One problem with the estimator's options, or a key that is a setting of nothing.

    Args:
        path: The keys below ``algorithm.gd2po``.
        text: The problem.
        estimator: The name of the estimator.
        common: The keys that every estimator understands.
    """
    where = ".".join(["algorithm.gd2po", *path])
    if len(path) != 1 or path[0] in ESTIMATORS.find(estimator).option_names:
        return f"{where}: {text}"
    readers = ESTIMATORS.readers(path[0])
    if not readers:
        return f"{where}: unknown setting.{nearest(path[0], (*common, *ESTIMATORS.find(estimator).option_names))}"
    return (
        f"{where} is set, but algorithm.adv_estimator is {estimator!r}, which does not read it; choose "
        f"adv_estimator={' or '.join(readers)} or remove the {path[0]}"
    )


def _fields_at(location: tuple[Any, ...], blocks: Mapping[Any, type[BaseModel]]) -> list[str]:
    """Names of the settings beside the one at ``location``, such as ``("rewards", "a", "model", "max_lenght")``."""
    block = blocks[None]
    for part in location[:-1]:
        block = blocks.get(part, block)
    return list(block.model_fields)
