"""The reward function of a run: loaded, and bound to the arguments of verl's reward workers, before Ray starts."""

import inspect
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError, nearest

PARAMETERS = ("data_source", "solution_str", "ground_truth", "extra_info")
"""The keyword arguments with which verl's reward managers call a reward function."""

_ROUTER = ("reward_router_address", "reward_model_tokenizer")
"""The keyword arguments that it gets beside them where verl serves a reward model."""

_KEY = "reward.custom_reward_function"

_MEANINGS = {"path": "file of the reward function", "name": "name of the function in its file"}
"""What is expected for each key of the block."""


def load_reward_function(config: DictConfig) -> Any:
    """Load the reward function of a run, and bind its parameters to what verl will call it with.

    Args:
        config: verl's composed configuration.

    Returns:
        The function as it is in its file; None where the run has none of its own.

    Raises:
        SettingsError: The file is missing or its import fails, the name is missing in it or is no function, or the
            function does not take what verl calls it with.
    """
    chosen = OmegaConf.select(config, _KEY)
    if not isinstance(chosen, DictConfig) or not chosen.get("path"):
        return None
    path, name = chosen.path, chosen.get("name")
    for key, value in (("path", path), ("name", name)):
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{_KEY}.{key} is {value!r}; expected text: the {_MEANINGS[key]}")
    module = _load_module(path)
    if not hasattr(module, name):
        functions = [known for known, value in vars(module).items() if callable(value) and not known.startswith("_")]
        raise SettingsError(f"{_KEY}.name is {name!r}, which {path} does not have.{nearest(name, functions)}")
    function = getattr(module, name)
    _check_kind(function, name, path)
    manager = config.reward.reward_manager
    if manager.get("source", "register") == "register":  # a manager of the user's own may call it otherwise
        if manager.name == "remote" and inspect.iscoroutinefunction(function):
            raise SettingsError(
                f"{_KEY}.name: {name} in {path} is asynchronous, and reward.reward_manager.name=remote calls only "
                "synchronous functions; choose naive, or write def in place of async def"
            )
        _bind(function, name, path, _keywords(config))
        if check := getattr(function, "check_options", None):
            options = OmegaConf.select(config, f"{_KEY}.reward_kwargs")
            check(**(OmegaConf.to_container(options, resolve=True) if isinstance(options, DictConfig) else {}))  # type: ignore[arg-type]
    return function


def _load_module(path: str) -> Any:
    from verl.utils.import_utils import load_module

    try:
        return load_module(path)
    except FileNotFoundError as error:
        if not path.startswith("pkg://") and not Path(path.removeprefix("file://")).is_file():
            raise SettingsError(f"{_KEY}.path: there is no file {path} (from {Path.cwd()})") from None
        raise _broken(path, error) from None
    except RuntimeError as error:  # verl's own, around what the file raised
        raise _broken(path, error.__cause__ or error) from None
    except (Exception, SystemExit) as error:
        raise _broken(path, error) from None


def _broken(path: str, error: BaseException) -> SettingsError:
    return SettingsError(
        f"{_KEY}.path: {path} cannot be imported: {type(error).__name__}: {_message(error)} ({_place(error, path)}). "
        "Mend the file."
    )


def _message(error: BaseException) -> str:
    return " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())


def _place(error: BaseException, path: str) -> str:
    """The file and the line of an error: of the last line of this file that led to it."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == Path(path).name]
    return " in ".join(f"{frame.filename}:{frame.lineno}" for frame in (own or frames)[-1:]) or path


def _check_kind(function: Any, name: str, path: str) -> None:
    if inspect.isclass(function):
        raise SettingsError(
            f"{_KEY}.name: {name} in {path} is a class, and verl would make an instance of it for every rollout; "
            f"write an instance with a method __call__ into the file, such as score = {name}(), and name that"
        )
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise SettingsError(f"{_KEY}.name: {name} in {path} is a generator; return a dict of scores in place of yield")
    if not callable(function):
        raise SettingsError(
            f"{_KEY}.name: {name} in {path} is {type(function).__name__}, which cannot be called; name a function"
        )


def _keywords(config: DictConfig) -> dict[str, None]:
    """The names of all keyword arguments of a call.

    Raises:
        SettingsError: The block ``reward_kwargs`` is no block of names with values.
    """
    extra = OmegaConf.select(config, f"{_KEY}.reward_kwargs")
    if "reward_kwargs" in config.reward.custom_reward_function and not isinstance(extra, DictConfig):
        raise SettingsError(f"{_KEY}.reward_kwargs is {extra!r}; expected names with values, such as {{scale: 2.0}}")
    router = _ROUTER if config.reward.reward_model.get("enable") is True else ()
    return dict.fromkeys([*PARAMETERS, *router, *map(str, extra or ())])


def _bind(function: Any, name: str, path: str, keywords: Mapping[str, None]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built-in functions have none
        return
    try:
        signature.bind(**keywords)
    except TypeError as error:
        parameters = [keyword for keyword in keywords if keyword != "extra_info"]
        position = parameters.index("ground_truth") + 1
        optional = ["extra_info=None", *(f"{parameter}=None" for parameter in parameters[position:])]
        expected = ", ".join([*parameters[:position], *optional])
        raise SettingsError(
            f"{_KEY}.name: {name}{signature} in {path} cannot be called as verl calls it, with the keyword arguments "
            f"{', '.join(keywords)}: {error}. Write def {name}({expected}, **kwargs)"
        ) from None
