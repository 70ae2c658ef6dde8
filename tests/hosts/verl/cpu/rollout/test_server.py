"""The server as verl's client sees it, without Ray around it."""

import asyncio
import threading

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from omegaconf import OmegaConf
from verl.workers.config import RolloutConfig

from gd2po.hosts.verl.cpu.rollout import server as module
from gd2po.hosts.verl.cpu.rollout.server import TransformersServer
from gd2po.hosts.verl.cpu.rollout.weights import pack

PARAMS = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}


@pytest.fixture
def build(model_path):
    """A server with a seed of its own."""

    def server(seed=42, **options):
        options = {"prompt_length": 16, "response_length": 12, **options}
        config = RolloutConfig(name="transformers", dtype="float32", seed=seed, **options)
        model = {"path": str(model_path), "override_config": {"attn_implementation": "sdpa"}}
        return TransformersServer(config, OmegaConf.create(model), replica_rank=0)

    return server


def ask(server, prompts, **params):
    async def scenario():
        return await asyncio.gather(*(server.generate("id", list(prompt), PARAMS | params) for prompt in prompts))

    return asyncio.run(scenario())


@pytest.fixture
def half_done(monkeypatch):
    """Starts a request and waits until the model computes for it."""
    computing, build_engine = threading.Event(), module.build_engine

    def build_watched(*arguments):
        engine = build_engine(*arguments)
        engine.model.register_forward_hook(lambda *_: computing.set())
        return engine

    monkeypatch.setattr(module, "build_engine", build_watched)

    async def half_done(server, **params):
        task = asyncio.create_task(server.generate("id", [1, 2, 3], PARAMS | {"ignore_eos": True} | params))
        assert await asyncio.to_thread(computing.wait, 60)
        return task

    return half_done


async def held_back(server, *prompt, **params):
    """A request that comes late: the server has not passed it on to the engine, or it would be among the aborted."""
    task = asyncio.create_task(server.generate("id", list(prompt), PARAMS | params))
    await asyncio.sleep(0)
    assert (await server.abort_all_requests())["aborted_count"] == 0 and not task.done()
    return task


def send(server, model, global_steps):
    async def scenario():
        await server.begin_weights()
        await server.load_weights([pack(name, tensor) for name, tensor in model.state_dict().items()])
        await server.finish_weights(global_steps)

    asyncio.run(scenario())


def test_an_answer_has_what_verl_reads(build):
    server = build()
    asyncio.run(server.set_global_steps(5))
    (output,) = ask(server, [[1, 2, 3]])
    assert len(output.token_ids) == len(output.log_probs) <= 12
    assert output.stop_reason == "completed"
    assert output.extra_fields == {"global_steps": 5}
    assert ask(server, [[1, 2, 3]], logprobs=False)[0].log_probs is None


def test_the_same_requests_draw_the_same_samples_in_any_order(build):
    prompts = [[1, 2], [1, 2], [1, 2], [9, 8, 7], [9, 8, 7], [4]]
    forward = ask(build(), prompts)
    backward = ask(build(), prompts[::-1])[::-1]

    def samples(outputs, prompt):
        return sorted(output.token_ids for output, each in zip(outputs, prompts, strict=True) if each == prompt)

    for prompt in ([1, 2], [9, 8, 7], [4]):
        assert samples(forward, prompt) == samples(backward, prompt)
    assert len({tuple(tokens) for tokens in samples(forward, [1, 2])}) == 3, "members of a group differ"


def test_a_resumed_run_draws_what_the_first_would_have(build):
    first, resumed = build(), build()
    ask(first, [[1, 2]] * 5)
    for server in (first, resumed):
        asyncio.run(server.set_global_steps(7))
    assert [o.token_ids for o in ask(first, [[1, 2]] * 2)] == [o.token_ids for o in ask(resumed, [[1, 2]] * 2)]


def test_another_seed_draws_other_samples(build):
    assert ask(build(1), [[1, 2]])[0].token_ids != ask(build(2), [[1, 2]])[0].token_ids


def test_new_weights_are_used_and_their_version_is_reported(build, build_model):
    server = build()
    (before,) = ask(server, [[1, 2, 3]], temperature=0)
    send(server, build_model(9), global_steps=3)
    (after,) = ask(server, [[1, 2, 3]], temperature=0)
    expected = build_model(9).generate(input_ids=torch.tensor([[1, 2, 3]]), max_new_tokens=12, do_sample=False)
    assert before.token_ids != after.token_ids == expected[0, 3:].tolist()
    assert after.extra_fields["global_steps"] == 3


def test_weights_out_of_order_are_refused(build):
    with pytest.raises(RuntimeError, match="weights came before begin_weights"):
        asyncio.run(build().load_weights([]))
    with pytest.raises(RuntimeError, match="finish_weights came before begin_weights"):
        asyncio.run(build().finish_weights(1))


def test_aborted_requests_return_their_part_and_later_ones_wait(build, half_done):
    async def scenario():
        server = build(response_length=200)
        running = await half_done(server, temperature=0)
        assert (await server.abort_all_requests())["aborted_count"] == 1
        partial = await running
        late = await held_back(server, 1, 2, 3, *partial.token_ids, max_tokens=3)
        await server.resume_generation()
        return partial, await late

    partial, late = asyncio.run(scenario())
    assert partial.stop_reason == "aborted" and 0 < len(partial.token_ids) < 200
    assert len(partial.log_probs) == len(partial.token_ids)
    assert late.stop_reason == "completed"


def test_late_requests_can_be_turned_away(build):
    async def scenario():
        server = build()
        await server.abort_all_requests(reject_request=True)
        return await server.generate("id", [1], PARAMS)

    output = asyncio.run(scenario())
    assert (output.stop_reason, output.token_ids) == ("aborted", [])


def test_sleep_lets_running_requests_finish(build, half_done):
    async def scenario():
        server = build(response_length=60)
        running = await half_done(server)
        await server.sleep()
        assert len((await running).token_ids) == 60
        late = await held_back(server, 1)
        await server.resume_generation()
        assert not late.done(), "it is still asleep"
        await server.wake_up()
        return await late

    assert asyncio.run(scenario()).stop_reason == "completed"


def test_generation_stops_at_the_tokenizers_end_of_sequence(build):
    server = build(response_length=200)
    outputs = ask(server, [[row] for row in range(20)])
    ended = [output for output in outputs if 256 in output.token_ids]
    assert ended, "no sample drew the end-of-sequence token"
    assert all(output.token_ids.index(256) == len(output.token_ids) - 1 for output in ended)


def test_images_are_refused(build):
    with pytest.raises(NotImplementedError, match="reads text only"):
        asyncio.run(build().generate("id", [1], PARAMS, image_data=["x"]))


def test_a_context_beyond_the_models_is_refused(build):
    with pytest.raises(ValueError, match="max_model_len is 512, but the model reads at most 256"):
        build(max_model_len=512)
