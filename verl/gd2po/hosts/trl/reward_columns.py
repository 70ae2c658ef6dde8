"""Reward functions as TRL wants them: one function for each named reward, whatever the user's functions return.

A user's function may return the scores of one reward, a dict of columns ``{"helpful": [...], "harmless": [...]}``, or a
list with a dict of scores for each completion. It is called once, and its columns are handed out one by one.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gd2po.errors import RewardError, SettingsError, nearest
from gd2po.rewards.scores import as_score

RewardFunction = Any
"""A function, an asynchronous function, a reward model, or the name of one: what TRL takes in ``reward_funcs``."""

Names = tuple[str, ...]


def named_functions(reward_funcs: Any, declared: Collection[str]) -> list[tuple[Names, RewardFunction]]:
    """Each reward function with the names of the declared rewards that it gives.

    The names come from, in this order: the key of a mapping; ``@returns_rewards``; the name of the function. The one
    function that is left without a name gives all the rewards that no other function gives.

    Args:
        reward_funcs: A function, a list of functions, or a mapping of a name (or a tuple of names) to a function.
        declared: The names of the declared rewards.

    Raises:
        SettingsError: a function gives none of the declared rewards, or two functions give the same.
    """
    if isinstance(reward_funcs, Mapping):
        named = [((key,) if isinstance(key, str) else tuple(key), function) for key, function in reward_funcs.items()]
        for name in (name for names, _ in named for name in names if name not in declared):
            raise SettingsError(
                f"reward_funcs names {name!r}, which algorithm.gd2po.rewards does not declare.{nearest(name, declared)}"
            )
    else:
        functions = reward_funcs if isinstance(reward_funcs, list | tuple) else [reward_funcs]
        named = [(_own_names(function, declared), function) for function in functions if function is not None]
    given = [name for names, _ in named for name in names]
    for name in given:
        if given.count(name) > 1:
            raise SettingsError(f"two reward functions give the reward {name!r}; give one of them another name")
    unnamed = [function for names, function in named if not names]
    rest = tuple(name for name in declared if name not in given)
    if unnamed and (len(unnamed) > 1 or not rest):
        raise SettingsError(
            f"the reward function {function_name(unnamed[0])!r} is not named like a declared reward"
            f"{nearest(function_name(unnamed[0]), declared)} Pass reward_funcs as a dict of names to functions, or "
            "mark the function with @gd2po.rewards.returns_rewards"
        )
    return [(names or rest, function) for names, function in named]


def function_name(function: RewardFunction) -> str:
    """The name under which a user knows a reward function or a reward model."""
    if isinstance(function, str):
        return function.rsplit("/", 1)[-1]
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _own_names(function: RewardFunction, declared: Collection[str]) -> Names:
    returned = getattr(function, "returned_rewards", None)
    if returned is None:
        name = function_name(function)
        return (name,) if name in declared else ()
    names = tuple(name for name in returned if name in declared)
    if not names:
        raise SettingsError(
            f"the reward function {function_name(function)!r} returns {', '.join(returned)}, of which none is declared "
            f"under algorithm.gd2po.rewards, which names {', '.join(declared)}"
        )
    return names


def columns_of(names: Names, function: RewardFunction) -> list[RewardFunction]:
    """One function for TRL for each of the names. Reward models pass unchanged.

    Raises:
        SettingsError: a reward model is to give several rewards.
    """
    if isinstance(function, str) or hasattr(function, "forward"):
        if len(names) > 1:
            raise SettingsError(f"the reward model {function_name(function)} gives one score, but is to give {names}")
        return [function]
    results = _SharedResult(names, function)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  (the method itself is looked at)
    )
    return [_async_column(results, name) if is_async else _column(results, name) for name in names]


class _SharedResult:
    """The result of one call of a user's function, until each of its rewards has been taken."""

    def __init__(self, names: Names, function: Callable[..., Any]) -> None:
        self.names, self.function = names, function
        self._completions: Any = None
        self._result: Any = None
        self._left: set[str] = set()

    def take(self, name: str, completions: Any, arguments: Mapping[str, Any]) -> Any:
        """What the function returned for these completions: the value, or the task that awaits it."""
        if self._completions is not completions or name not in self._left:
            self._result = self._call(completions, arguments)
            self._completions, self._left = completions, set(self.names)
        result = self._result
        self._left.discard(name)
        if not self._left:
            self._completions = self._result = None
        return result

    def _call(self, completions: Any, arguments: Mapping[str, Any]) -> Any:
        result = self.function(completions=completions, **arguments)
        if inspect.iscoroutine(result):
            import asyncio

            return asyncio.ensure_future(result)
        return result


def _column(results: _SharedResult, name: str) -> RewardFunction:
    def column(completions: Any, **arguments: Any) -> list[float]:
        return scores_of(name, results.names, results.take(name, completions, arguments), len(completions))

    column.__name__ = column.__qualname__ = name
    return column


def _async_column(results: _SharedResult, name: str) -> RewardFunction:
    async def column(completions: Any, **arguments: Any) -> list[float]:
        returned = await results.take(name, completions, arguments)
        return scores_of(name, results.names, returned, len(completions))

    column.__name__ = column.__qualname__ = name
    return column


def scores_of(name: str, names: Names, returned: Any, completions: int) -> list[float]:
    """The scores of one reward, NaN where it was not scored.

    Args:
        name: The reward.
        names: All rewards that the function gives.
        returned: What the function returned for the completions.
        completions: The number of completions.

    Raises:
        RewardError: the reward is not among what was returned, there is not one score per completion, or a value is no
            score.
    """
    if isinstance(returned, Mapping):
        if name not in returned:
            raise _absent(name, [str(key) for key in returned])
        values: Sequence[Any] = list(returned[name])
    else:
        values = list(returned)
        if any(isinstance(value, Mapping) for value in values):
            rows: list[Mapping[str, Any]] = [value or {} for value in values]
            if not any(name in row for row in rows):
                raise _absent(name, sorted({str(key) for row in rows for key in row}))
            values = [row.get(name) for row in rows]
        elif len(names) > 1:
            raise RewardError(
                f"the reward function that gives {', '.join(names)} returned one list of numbers; expected a dict of "
                "reward to scores, or a dict of scores for each completion"
            )
    if len(values) != completions:
        raise RewardError(
            f"reward {name!r}: found {len(values)} scores for {completions} completions; expected one score for each"
        )
    return [as_score(name, value, f"completion {row}") for row, value in enumerate(values)]


def _absent(name: str, returned: Sequence[str]) -> RewardError:
    return RewardError(
        f"reward {name!r} is declared, but the reward function did not return it (it returned: "
        f"{', '.join(returned) or 'nothing'}).{nearest(name, returned)} Where it cannot be scored, return None for it."
    )
