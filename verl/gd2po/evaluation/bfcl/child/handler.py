"""BFCL's questions to a model of our grammar: its own loops over turns and simulators, our prompt and our calls."""

import builtins
import threading
from pathlib import Path
from typing import Any

from bfcl_eval.constants.eval_config import PROJECT_ROOT
from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils
from bfcl_eval.model_handler.base_handler import BaseHandler

from gd2po.evaluation.bfcl import calls
from gd2po.evaluation.bfcl.dialogue import EntryDialogue
from gd2po.evaluation.bfcl.job import ANSWERED, FAILED, TICKS, Job
from gd2po.evaluation.generation.contract import Generation, GenerationError, GenerationRequest
from gd2po.evaluation.generation.openai_backend import OpenAIBackend

_TICKS = Path(PROJECT_ROOT) / TICKS
_RESERVED = frozenset(dir(builtins)) | frozenset(vars(multi_turn_utils))


class Aborted(BaseException):
    """No further question can be answered. Not an ``Exception``: BFCL records those and asks the next question."""


class Unanswered(Exception):
    """One question has no answer. BFCL records it as an inference error."""


class GrammarHandler(BaseHandler):
    """A model in prompt mode. The first four arguments are BFCL's.

    Args:
        model_name, temperature, registry_name, is_fc_model: The entries of the registry.
        job: The order: the questions, and the server that answers them.
    """

    def __init__(self, model_name: str, temperature: float, registry_name: str, is_fc_model: bool, job: Job) -> None:
        super().__init__(model_name, temperature, registry_name, is_fc_model)
        self._job = job
        self._entry = threading.local()  # BFCL answers one entry per thread

    def inference(self, test_entry: dict, include_input_log: bool, exclude_state_log: bool) -> tuple[Any, dict]:
        """Answer one entry, and record whether an answer was cut beside the fields that BFCL records."""
        self._entry.cut = False
        try:
            result, metadata = super().inference(test_entry, include_input_log, exclude_state_log)
        except Exception:  # BFCL records it
            _tick(FAILED)
            raise
        _tick(ANSWERED)
        return result, metadata | {"finish": "length" if self._entry.cut else "stop"}

    def ask(self, messages: tuple[dict[str, str], ...]) -> Generation:
        """One answer of the server.

        Raises:
            Aborted: There will be no answer to any question.
        """
        job = self._job
        backend = OpenAIBackend(
            job.model, job.base_url, api_key_env=job.api_key_env, concurrency=1, timeout=job.timeout
        )
        try:
            (generation,) = backend.generate([GenerationRequest("", messages)], job.decoding)
        except GenerationError as error:
            raise Aborted(str(error)) from error
        return generation

    # The methods below are BFCL's hooks, in the order in which its loops call them; its names, its signatures.

    def _pre_query_processing_prompting(self, test_entry: dict) -> dict:
        return {"dialogue": EntryDialogue(test_entry["function"], self._job.template)}

    def add_first_turn_message_prompting(self, inference_data: dict, first_turn_message: list[dict]) -> dict:
        """Add the messages with which the entry begins."""
        inference_data["dialogue"].say(first_turn_message)
        return inference_data

    _add_next_turn_user_message_prompting = add_first_turn_message_prompting

    def _query_prompting(self, inference_data: dict) -> tuple[Generation, float]:
        generation = self.ask(inference_data["dialogue"].messages())
        if generation.error is not None:
            raise Unanswered(generation.error)
        self._entry.cut |= generation.finish == "length"
        return generation, 0.0  # BFCL makes a price out of the seconds, and fails over a single one

    def _parse_query_response_prompting(self, api_response: Generation) -> dict:
        return {
            "model_responses": api_response.text,
            "input_token": api_response.prompt_tokens,
            "output_token": api_response.response_tokens,
        }

    def _add_assistant_message_prompting(self, inference_data: dict, model_response_data: dict) -> dict:
        inference_data["dialogue"].answer(model_response_data["model_responses"])
        return inference_data

    def _add_execution_results_prompting(
        self, inference_data: dict, execution_results: list[str], model_response_data: dict
    ) -> dict:
        names = [call["name"] for call in calls.read(model_response_data["model_responses"])]
        inference_data["dialogue"].observe(names, execution_results)
        return inference_data

    def decode_ast(self, result: str, language: Any, has_tool_call_tag: bool) -> list[dict[str, Any]]:
        """The calls as the evaluator compares them; Java and JavaScript values are strings of source code already."""
        return calls.for_checker(calls.read(result))

    def decode_execute(self, result: str, has_tool_call_tag: bool) -> list[str]:
        """The calls as the simulators run them."""
        return [calls.for_simulator(call, _RESERVED) for call in calls.read(result)]


def _tick(kind: bytes) -> None:
    with _TICKS.open("ab", buffering=0) as file:
        file.write(kind)
