"""An agent loop that writes down what the rollout engine answers, or answers what was written down."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.workers.rollout.replica import TokenOutput

RECORD, MODE = Path(os.environ["ROLLOUT_RECORD"]), os.environ["ROLLOUT_MODE"]
_recorded: dict[tuple[int | None, tuple[int, ...]], list[dict[str, Any]]] = defaultdict(list)
"""By version of the weights and prompt."""

if MODE == "replay":
    for line in RECORD.read_text().splitlines():
        answer = json.loads(line)
        _recorded[answer["step"], tuple(answer["prompt"])].append(answer)


class RecordedLoop(SingleTurnAgentLoop):
    """verl's loop, between which and the engine stands the record."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.server_manager = Recorder(self.server_manager)


class Recorder:
    """Stands in for verl's client of the rollout engine, which answers in both modes."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def generate(self, request_id: str, *, prompt_ids: list[int], **options: Any) -> TokenOutput:
        """The engine's answer; when replaying, with the tokens and log-probabilities of the recorded one."""
        output = await self._client.generate(request_id, prompt_ids=prompt_ids, **options)
        step = output.extra_fields["global_steps"]
        if MODE == "record":
            answer = {"step": step, "prompt": prompt_ids, "tokens": output.token_ids, "log_probs": output.log_probs}
            with RECORD.open("a") as record:
                record.write(json.dumps(answer | {"stop": output.stop_reason}) + "\n")
            return output
        answer = _recorded[step, tuple(prompt_ids)].pop()
        output.token_ids, output.log_probs, output.stop_reason = answer["tokens"], answer["log_probs"], answer["stop"]
        return output
