"""The rollout server: a Ray actor around the decode engine, with the methods verl calls on any rollout server."""

from typing import Any

import ray
from omegaconf import DictConfig
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import HFModelConfig, RolloutConfig
from verl.workers.rollout.replica import TokenOutput

from gd2po.decoding.request import GenerationRequest, StopReason
from gd2po.hosts.verl.cpu.rollout.loading import build_engine, build_limits
from gd2po.hosts.verl.cpu.rollout.random_numbers import Occurrences, prompt_key, uniform_numbers
from gd2po.hosts.verl.cpu.rollout.request import check_prompt, parse_sampling
from gd2po.hosts.verl.cpu.rollout.runner import Gate, Runner
from gd2po.hosts.verl.cpu.rollout.weights import Packed, WeightLoader
from gd2po.hosts.verl.reading.names import server_name


class TransformersServer:
    """Generates for one replica. All methods share one event loop; the model computes in another thread."""

    def __init__(self, config: RolloutConfig, model_config: DictConfig, replica_rank: int) -> None:
        model: HFModelConfig = omega_conf_to_dataclass(model_config, dataclass_type=HFModelConfig)
        self._seed = config.seed
        self._rank = replica_rank
        self._engine = build_engine(config, model)
        self._limits = build_limits(config, model)
        self._runner = Runner(self._engine)
        self._gate = Gate()
        self._occurrences = Occurrences()
        self._loader: WeightLoader | None = None
        self._global_steps: int | None = None

    async def ready(self) -> None:
        """Answer once the model is loaded."""

    async def generate(
        self,
        request_id: str,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        image_data: list[Any] | None = None,
        video_data: list[Any] | None = None,
    ) -> TokenOutput:
        """Continue a prompt. Waits while the server is paused or asleep."""
        if image_data or video_data:
            raise NotImplementedError("this rollout reads text only; use rollout.name=vllm for images and video")
        prompt = check_prompt(prompt_ids)
        if not await self._gate.admits():
            return self._answer([], None, StopReason.ABORTED)
        request = await self._request(prompt, sampling_params)
        if self._gate.open:  # the gate may have closed while the request was numbered
            await self._runner.run(request)
        log_probs = request.log_probs if sampling_params.get("logprobs") else None
        return self._answer(request.tokens, log_probs, request.stop or StopReason.ABORTED)

    def _answer(self, tokens: list[int], log_probs: list[float] | None, stop: StopReason) -> TokenOutput:
        return TokenOutput(
            token_ids=tokens,
            log_probs=log_probs,
            stop_reason=stop.value,
            extra_fields={"global_steps": self._global_steps},
        )

    async def _request(self, prompt: tuple[int, ...], params: dict[str, Any]) -> GenerationRequest:
        sampling = parse_sampling(params)
        key = prompt_key(self._global_steps, prompt, sampling)
        if self._rank == 0:
            occurrence = await self.count(self._global_steps, key)
        else:
            occurrence = await ray.get_actor(server_name(0)).count.remote(self._global_steps, key)
        max_tokens = self._limits.max_tokens(len(prompt), params)
        uniform = uniform_numbers(self._seed, key, occurrence, max_tokens)
        return GenerationRequest(prompt, sampling, self._limits.stop_ids(params), uniform.tolist())

    async def count(self, version: int | None, key: str) -> int:
        """Number this request among its equals; the server of replica 0 counts for all."""
        return self._occurrences.next(version, key)

    async def begin_weights(self) -> None:
        """Begin an update of all weights."""
        self._loader = WeightLoader(self._engine.model)

    async def load_weights(self, bucket: list[Packed]) -> None:
        """Overwrite some weights, between two steps of the engine."""
        if self._loader is None:
            raise RuntimeError("weights came before begin_weights; expected begin, load (repeatedly), finish")
        async with self._runner.idle_engine():
            self._loader.load(bucket)

    async def finish_weights(self, global_steps: int | None) -> None:
        """Check that all weights have arrived, and note their version."""
        if self._loader is None:
            raise RuntimeError("finish_weights came before begin_weights; expected begin, load (repeatedly), finish")
        self._loader.finish()
        self._loader = None
        if global_steps is not None:
            await self.set_global_steps(global_steps)

    async def set_global_steps(self, global_steps: int) -> None:
        """Note the version of the weights; every answer carries it."""
        self._global_steps = global_steps

    async def sleep(self) -> None:
        """Finish running requests, then take no more. Nothing is freed: a cache lives as long as its requests."""
        self._gate.close("asleep")
        await self._runner.drain()

    async def wake_up(self) -> None:
        """Take requests again."""
        self._gate.clear("asleep")

    async def abort_all_requests(self, reject_request: bool = False) -> dict[str, Any]:
        """Answer all requests with the tokens drawn so far, and take no more until `resume_generation`."""
        self._gate.close("paused", reject=reject_request)
        return {"aborted_count": await self._runner.abort()}

    async def resume_generation(self) -> None:
        """Take requests again after `abort_all_requests`."""
        self._gate.clear("paused")

    async def clear_kv_cache(self) -> None:
        """Nothing to do: no cache outlives its requests."""

    async def release_kv_cache(self) -> None:
        """Nothing to do: no cache outlives its requests."""

    async def resume_kv_cache(self) -> None:
        """Nothing to do: no cache outlives its requests."""

    async def start_profile(self, **_options: Any) -> None:
        """Profiling of the rollout is not offered."""

    async def stop_profile(self) -> None:
        """Profiling of the rollout is not offered."""
