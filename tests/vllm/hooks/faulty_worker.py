"""verl's extension of a vLLM worker with two faults: the second weights are lost, the fourth cannot be loaded."""

from typing import Any

from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension

LOST, BROKEN = 2, 4


class FaultyWorker(vLLMColocateWorkerExtension):
    """Counts arrivals of weights, of which each fits into one bucket."""

    arrivals = 0

    def _update_weights(self, weights: Any, peft_config: Any, base_sync_done: bool) -> None:
        FaultyWorker.arrivals += 1
        if FaultyWorker.arrivals == BROKEN:
            raise ValueError("a weight made to fail")
        if FaultyWorker.arrivals != LOST:
            super()._update_weights(weights, peft_config, base_sync_done)
