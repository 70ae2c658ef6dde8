"""The steps of a job: ask the questions, and judge the answers."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any

from gd2po.evaluation.bfcl.child.handler import GrammarHandler
from gd2po.evaluation.bfcl.child.registry import register
from gd2po.evaluation.bfcl.job import REGISTERED, Job, Step


def generate(job: Job, handler: type[GrammarHandler] = GrammarHandler) -> None:
    """Answer every entry of the categories that has no answer in the result files yet."""
    register(partial(handler, job=job))
    from bfcl_eval._llm_response_generation import main

    main(
        SimpleNamespace(
            model=[REGISTERED],
            test_category=list(job.categories),
            temperature=job.decoding.temperature,
            num_threads=job.threads,
            include_input_log=False,
            exclude_state_log=True,
            allow_overwrite=False,
            run_ids=False,
            result_dir=None,
        )
    )


def evaluate(job: Job) -> None:
    """Judge the result files of the categories."""
    register(partial(GrammarHandler, job=job))
    from bfcl_eval.eval_checker import eval_runner

    for checker in ("ast_checker", "multi_turn_checker"):
        setattr(eval_runner, checker, _guarded(getattr(eval_runner, checker)))
    eval_runner.main([REGISTERED], list(job.categories), None, None)


_STEPS: Mapping[Step, Callable[[Job], None]] = MappingProxyType({"generate": generate, "evaluate": evaluate})


def carry_out(step: Step, job: Job) -> None:
    """Carry out one step."""
    _STEPS[step](job)


def _guarded(checker: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """``checker``, which calls an answer wrong where it would end the evaluation of all.

    It does so for an integer of more than 308 digits where a float is expected (OverflowError).
    """

    def check(*arguments: Any) -> dict[str, Any]:
        try:
            return checker(*arguments)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            return {"valid": False, "error": [reason], "error_message": reason, "error_type": "checker_failed"}

    return check
