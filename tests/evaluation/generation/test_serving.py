"""A backend behind OpenAI's interface, asked over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from gd2po.evaluation.generation import Decoding, DecodingError, Generation, GenerationError, batching
from gd2po.evaluation.generation.openai_backend import OpenAIBackend
from gd2po.evaluation.generation.serving import serve
from gd2po.evaluation.generation.transformers_backend import TransformersBackend
from gd2po.http_server import ServerError


def post(url, text="hi", **fields):
    body = {"model": "echo", "messages": [{"role": "user", "content": text}]} | fields
    return httpx.post(f"{url}/chat/completions", json=body, timeout=30)


@pytest.fixture(scope="module")
def served(echo):
    backend = echo(fail=lambda text: text if text.startswith(("context_length_exceeded", "broken")) else None)
    with serve(backend, Decoding(max_tokens=5)) as url:
        yield backend, url


@pytest.fixture
def backend(served):
    served[0].batches.clear()
    return served[0]


@pytest.fixture
def url(served):
    return served[1]


def test_a_completion_has_openais_shape(url):
    completion = post(url, "hi").json()
    assert completion["object"] == "chat.completion" and completion["model"] == "echo"
    assert completion["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ]
    assert completion["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_the_model_is_listed(url):
    (card,) = httpx.get(f"{url}/models").json()["data"]
    assert (card["id"], card["max_model_len"]) == ("echo", 4096)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_request_may_set_its_length(url, name):
    assert post(url, "abcdefgh").json()["choices"][0]["message"]["content"] == "abcde"
    short = post(url, "abcdefgh", **{name: 2}).json()["choices"][0]
    assert (short["message"]["content"], short["finish_reason"]) == ("ab", "length")


def test_text_parts_are_joined(url):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    response = post(url, messages=[{"role": "user", "content": parts}])
    assert response.json()["choices"][0]["message"]["content"] == "ab"


@pytest.mark.parametrize(
    "harmless",
    [{"user": "me"}, {"n": 1}, {"stream": False}, {"top_p": 1.0}, {"store": True}, {"stop": None}, {"logprobs": False}],
    ids=lambda fields: next(iter(fields)),
)
def test_what_changes_nothing_is_taken(url, harmless):
    assert post(url, **harmless).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": 3},
        {"n": 2},
        {"stream": True},
        {"top_p": 1.1},
        {"stop": ["x"]},
        {"tools": []},
        {"max_tokens": 0},
        {"temperature": -1},
        {"messages": []},
        {"frequency_penalty": 0.1},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_would_change_the_answer_is_refused_by_name(url, backend, fields):
    response = post(url, **fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error" and error["param"] == next(iter(fields)) in error["message"]
    assert backend.batches == []


def test_messages_that_are_no_text_are_refused_by_place(url):
    response = post(url, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])
    assert response.status_code == 400 and "messages.0.content" in response.json()["error"]["message"]


def test_another_model_is_not_found(url):
    response = post(url, model="other")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert response.json()["error"]["message"] == "there is no model 'other' here, only 'echo'"


def test_a_prompt_that_is_too_long_gets_openais_code(url):
    response = post(url, "context_length_exceeded: 9 tokens")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert response.json()["error"]["message"] == "9 tokens"


def test_a_request_that_cannot_be_answered_says_why(url):
    response = post(url, "broken")
    assert (response.status_code, response.json()["error"]["message"]) == (422, "broken")


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (RuntimeError("died"), 500, "RuntimeError: died"),
        (DecodingError("greedy only"), 400, "greedy only"),
    ],
)
def test_a_failure_of_the_engine_reaches_every_client_and_the_server_goes_on(
    url, backend, monkeypatch, failure, status, message
):
    def fail(requests, decoding):
        yield Generation(requests[0].id, "first", "stop")
        raise failure

    with monkeypatch.context() as broken, ThreadPoolExecutor() as pool:
        broken.setattr(backend, "generate", fail)
        responses = list(pool.map(lambda text: post(url, text), "abc"))
    failed = [each for each in responses if each.status_code != 200]
    assert {(each.status_code, each.json()["error"]["message"]) for each in failed} <= {(status, message)}
    assert post(url, "hi").status_code == 200


def test_an_answer_that_never_comes_is_an_error(url, backend, monkeypatch):
    monkeypatch.setattr(backend, "generate", lambda requests, decoding: iter(()))
    response = post(url)
    assert response.status_code == 500 and "the engine gave no answer to this request" in response.text


def test_requests_that_come_during_a_batch_form_the_next(backend, monkeypatch):
    """The first batch ends only when all other requests wait, so they are answered by one call."""
    generate, calls, alone = backend.generate, threading.Lock(), []
    under_way, waiting = threading.Event(), threading.Event()

    def held(requests, decoding):
        alone.append(calls.acquire(blocking=False))
        under_way.set()
        assert waiting.wait(20)
        yield from generate(requests, decoding)
        calls.release()

    monkeypatch.setattr(backend, "generate", held)
    with batching.GenerationBatcher(backend) as batcher:
        first = batcher.submit([{"role": "user", "content": "0"}], Decoding())
        assert under_way.wait(20)
        others = [batcher.submit([{"role": "user", "content": str(index)}], Decoding()) for index in range(1, 20)]
        waiting.set()
        assert [future.result(20).text for future in (first, *others)] == [str(index) for index in range(20)]
    assert all(alone), "the backend was called twice at once"
    assert [len(batch) for batch in backend.batches] == [1, 19]


def test_requests_with_other_decoding_are_answered_apart(url, backend):
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda n: post(url, "abcdef", max_tokens=n).json(), (1, 2, 3, 4)))
    assert [each["choices"][0]["message"]["content"] for each in responses] == ["a", "ab", "abc", "abcd"]


def test_a_taken_port_is_refused(url, backend):
    port = httpx.URL(url).port
    taken = pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{port}")
    with taken, serve(backend, Decoding(), port=port):
        pass


def test_closing_finishes_the_answer_under_way_and_refuses_the_others(backend, monkeypatch):
    """The engine is held in its first answer, with two requests waiting, until the batcher closes."""
    under_way, closing = threading.Event(), threading.Event()

    def held(requests, decoding):
        under_way.set()
        assert closing.wait(20)
        yield from (Generation(request.id, "late", "stop") for request in requests)

    monkeypatch.setattr(backend, "generate", held)
    batcher = batching.GenerationBatcher(backend)
    monkeypatch.setattr(batcher, "_closing", closing)  # an event that the test can wait for
    with batcher:
        first = batcher.submit([{"role": "user", "content": "a"}], Decoding())
        assert under_way.wait(20)
        others = [batcher.submit([{"role": "user", "content": text}], Decoding()) for text in "bc"]
    assert first.result(20).text == "late"
    for future in others:
        with pytest.raises(GenerationError, match="the server is closing"):
            future.result(20)


def test_a_closed_server_leaves_nothing_behind(backend):
    before = threading.active_count()
    with serve(backend, Decoding()) as url:
        assert post(url).status_code == 200
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        post(url)


def test_a_model_answers_over_http_as_it_does_directly(tiny_model, ask):
    requests = ask(*(f"{'x' * (9 * index)}" for index in range(1, 9)), "y" * 250)
    decoding = Decoding(max_tokens=30)
    with TransformersBackend(str(tiny_model)) as backend:
        direct = {generation.id: generation for generation in backend.generate(requests, decoding)}
        with serve(backend, decoding) as url:
            client = OpenAIBackend(str(tiny_model), url, retries=0)
            served = {generation.id: generation for generation in client.generate(requests, decoding)}
            warm = replace(decoding, temperature=0.7, top_p=0.9)
            drawn, over_http = (list(engine.generate(requests[:1], warm)) for engine in (backend, client))
    too_long = served.pop("8")
    assert too_long.error.startswith("context_length_exceeded: 400: the prompt has") and direct.pop("8").error
    assert served == direct
    assert over_http == drawn and drawn[0].text != direct["0"].text
