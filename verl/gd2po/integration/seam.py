"""Each symbol of verl that this plug-in touches: what, why, since which version, until when.

verl has no hook where an estimator can see named rewards, so a few functions are wrapped. Every wrapper calls the
original; no body of verl is copied. A wrapper is applied when verl imports the module, in each process that does, so
that ``import verl`` costs nothing more. Where a signature is not the one written here, the import fails with this text
instead of training on a guess.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import wrapt

from gd2po.errors import HostError

VERL_MINIMUM, VERL_BELOW = "0.9.0", "0.10"
"""Supported verl: from the first release with ``verl.plugins`` up to, and not including, the next minor."""

_MARK = "__gd2po_wraps__"


@dataclass(frozen=True)
class HostSymbol:
    """One touched symbol.

    Attributes:
        module: where it lives.
        name: attribute path in the module.
        parameters: names of its parameters, in order; None where it is not callable by us.
        what: what we do with it.
        why: why there is no other way.
        until: what would have to exist in verl for this row to go.
        wrapper: ``module:function`` that takes the original and returns its replacement; None where we only call it.
        since: first verl version that has it in this shape.
    """

    module: str
    name: str
    parameters: tuple[str, ...] | None
    what: str
    why: str
    until: str
    wrapper: str | None = None
    since: str = VERL_MINIMUM

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_TRAINER = "verl.trainer.ppo.v1.trainer_base"

HOST_SYMBOLS: tuple[HostSymbol, ...] = (
    HostSymbol(
        "verl.utils.config",
        "validate_config",
        ("config", "use_reference_policy", "use_critic"),
        "check algorithm.gd2po first",
        "it is the last call of verl's main before Ray starts",
        "verl calls a plug-in's own config check",
        "gd2po.integration.start:checked",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._compute_advantage",
        ("self", "batch", "metrics"),
        "remember its arguments during the call",
        "the estimator call inside it gets neither the trainer, the row tags nor the metrics",
        "verl passes the batch's fields to any estimator (its PR #7473)",
        "gd2po.integration.advantage:remember_step",
    ),
    HostSymbol(
        _TRAINER,
        "compute_advantage_for_multi_trajectories",
        (
            "data",
            "batch_keys",
            "adv_estimator",
            "gamma",
            "lam",
            "num_repeat",
            "norm_adv_by_std_in_grpo",
            "config",
        ),
        "answer for gdpo and gd2po; for grpo call the original and add metrics",
        "all three V1 trainer modes pass through it, and stock gdpo fails there with KeyError: 'prompts'",
        "verl passes the batch's fields to any estimator (its PR #7473)",
        "gd2po.integration.advantage:with_named_rewards",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._dump_generations",
        ("self", "inputs", "outputs", "gts", "scores", "reward_extra_infos_dict", "dump_path"),
        "add named scores, advantages and the mask to each row of the rollout dump",
        "the dump of training rollouts has the summed score only",
        "verl dumps reward_extra_info of training rollouts",
        "gd2po.integration.records:with_records",
    ),
    HostSymbol(
        _TRAINER,
        "PPOTrainer._val_metrics_update",
        (
            "self",
            "data_sources",
            "sample_uids",
            "reward_extra_infos_dict",
            "sample_turns",
            "expected_acc_counts",
        ),
        "raise the error that a reward function met during validation",
        "a reward function that raises would only lower the number of validated rows",
        "verl stops on a failing reward function",
        "gd2po.integration.reward_guard:raising_in_validation",
    ),
    HostSymbol(
        "verl.trainer.ppo.reward",
        "get_custom_reward_fn",
        ("config",),
        "fill in the total of the named scores where the function returns none",
        "verl's reward managers insist on a key 'score'",
        "the managers accept named scores alone",
        "gd2po.integration.reward_guard:with_total",
    ),
    HostSymbol(
        "verl.experimental.reward_loop.reward_loop",
        "RewardLoopWorker.compute_score",
        ("self", "data"),
        "check every returned score, and carry an error to the trainer with the sample that caused it",
        "verl logs a failing reward function and trains on the rows that are left",
        "verl stops on a failing reward function",
        "gd2po.integration.reward_guard:guarded",
    ),
    HostSymbol(
        "verl.utils.import_utils",
        "load_extern_object",
        ("module_path", "object_name"),
        "load the reward function before Ray starts, to compare the names it returns with the declared ones",
        "it is how verl itself will load it",
        "never: public",
    ),
    HostSymbol(
        "transfer_queue",
        "kv_batch_get",
        ("keys", "partition_id", "select_fields"),
        "fetch the named scores of a batch",
        "the V1 trainer leaves them in the TransferQueue field extra_fields",
        "never: public",
        since="TransferQueue 0.1.10",
    ),
)


def resolve(symbol: HostSymbol) -> Any:
    """The object a row names. Imports its module.

    Raises:
        HostError: when it is gone or has another signature, with the row's text.
    """
    return _checked(importlib.import_module(symbol.module), symbol)


def _checked(module: ModuleType, symbol: HostSymbol) -> Any:
    found: Any = module
    for part in symbol.name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise HostError(_changed(symbol, "it is not there"))
    if symbol.parameters is not None:
        parameters = tuple(inspect.signature(found).parameters)
        if parameters != symbol.parameters:
            raise HostError(_changed(symbol, f"its parameters are {parameters}, expected {symbol.parameters}"))
    return found


def _changed(symbol: HostSymbol, found: str) -> str:
    return (
        f"verl's {symbol} has changed: {found}. gd2po uses it to {symbol.what}, because {symbol.why}. "
        f"Install verl >={VERL_MINIMUM},<{VERL_BELOW}, or a gd2po release that supports this verl."
    )


def install() -> None:
    """Arrange that each wrapped symbol is wrapped as soon as verl imports its module. Idempotent, imports nothing."""
    modules = {symbol.module for symbol in HOST_SYMBOLS if symbol.wrapper}
    for module in sorted(modules):
        wrapt.register_post_import_hook(_wrap_all_in, module)


def _wrap_all_in(module: ModuleType) -> None:
    for symbol in HOST_SYMBOLS:
        if symbol.module == module.__name__ and symbol.wrapper:
            _wrap(module, symbol)


def _wrap(module: ModuleType, symbol: HostSymbol) -> None:
    original = _checked(module, symbol)
    if hasattr(original, _MARK):
        return
    wrapper_module, _, wrapper_name = str(symbol.wrapper).partition(":")
    make: Callable[[Any], Any] = getattr(importlib.import_module(wrapper_module), wrapper_name)
    replacement = make(original)
    setattr(replacement, _MARK, str(symbol))
    *path, last = symbol.name.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, last, replacement)


def is_wrapped(symbol: HostSymbol) -> bool:
    """Whether the plug-in's wrapper is in place. Imports the symbol's module."""
    return symbol.wrapper is None or hasattr(resolve(symbol), _MARK)
