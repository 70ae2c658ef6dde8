"""The client against real servers on this machine, well-behaved and not."""

import gc
import socket
import time
from dataclasses import replace
from threading import Barrier, Event, Lock
from types import SimpleNamespace

import pytest

from gd2po import retries
from gd2po.evaluation.generation import Decoding, Generation, GenerationError
from gd2po.evaluation.generation.openai_backend import OpenAIBackend
from gd2po.evaluation.generation.serving import serve

KEY = "GD2PO_TEST_KEY"
PUBLISHED = Decoding()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Retries without long waits."""
    monkeypatch.setattr(retries, "FIRST_DELAY", 0.001)
    monkeypatch.delenv(KEY, raising=False)


def answers(url, requests, decoding=PUBLISHED, **options):
    options = {"api_key_env": KEY, "concurrency": 4, "timeout": 20, "retries": 2, **options}
    backend = OpenAIBackend("m", url, **options)
    return {generation.id: generation for generation in backend.generate(requests, decoding)}


def test_every_request_is_answered_with_lengths_and_finish(ask, echo):
    with serve(echo("m"), Decoding()) as url:
        generations = answers(url, ask("ab", "abcdef"), Decoding(max_tokens=4))
    assert generations == {"0": Generation("0", "ab", "stop", 3, 2), "1": Generation("1", "abcd", "length", 3, 4)}


def test_a_request_carries_messages_and_decoding_and_nothing_that_servers_may_not_know(ask, scripted, reply):
    server = scripted(lambda body, number: reply("yes"))
    answers(server.url, ask("hello"))
    answers(server.url, ask("hello"), Decoding(temperature=0.5, seed=7, max_tokens=9))
    own_seed = [replace(request, seed=8) for request in ask("hello")]
    answers(server.url, own_seed, Decoding(temperature=0.5, seed=7, max_tokens=9, top_p=0.9))
    greedy, drawn, nucleus = (body for body, headers in server.seen)
    shared = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    assert greedy == shared | {"temperature": 0.0, "max_tokens": 4096}
    assert drawn == shared | {"temperature": 0.5, "max_tokens": 9, "seed": 7}
    assert nucleus == drawn | {"seed": 8, "top_p": 0.9}


def test_no_more_requests_are_under_way_than_allowed(ask, scripted, reply):
    """The first three meet at a barrier, so all of them are under way at once; a fourth would be counted."""
    lock, under_way, most, meeting = Lock(), 0, 0, Barrier(3)

    def counting(body, number):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        if number < 3:
            meeting.wait(20)
        with lock:
            under_way -= 1
        return reply("yes")

    generations = answers(scripted(counting).url, ask(*"abcdefghij"), concurrency=3)
    assert len(generations) == 10 and most == 3


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_repeated(ask, scripted, reply, status):
    server = scripted(lambda body, number: reply("yes") if number else reply(status=status, body={}))
    assert answers(server.url, ask("a"))["0"].text == "yes"
    assert len(server.seen) == 2


def test_a_broken_connection_is_repeated(ask, scripted, reply):
    server = scripted(lambda body, number: reply("yes", hang_up=number == 0))
    assert answers(server.url, ask("a"))["0"].text == "yes"


@pytest.mark.parametrize("wish", ["0.3", "date"])
def test_the_servers_wish_to_wait_is_honoured(ask, scripted, reply, wish, monkeypatch):
    from email.utils import formatdate

    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(retries, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(retries, "LONGEST_DELAY", 20)
    header = formatdate(time.time() + 60, usegmt=True) if wish == "date" else wish
    busy = reply(status=429, body={}, headers={"Retry-After": header})
    answers(scripted(lambda body, number: reply("yes") if number else busy).url, ask("a"))
    assert waits == [20 if wish == "date" else 0.3]


def test_a_server_that_is_not_there_ends_the_run_after_all_attempts(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(GenerationError, match=r"gave no answer in 3 attempts .* ConnectError"):
        answers(f"http://127.0.0.1:{port}/v1", ask("a", "b"))


def test_a_server_that_stays_overloaded_ends_the_run_after_all_attempts(ask, scripted, reply):
    server = scripted(lambda body, number: reply(status=503, body={"error": {"message": "no capacity"}}))
    with pytest.raises(GenerationError, match=r"3 attempts of up to 20 s; the last ended in 503: no capacity"):
        answers(server.url, ask("a"))
    assert len(server.seen) == 3


def test_a_server_that_dies_leaves_what_it_has_answered(ask, scripted, reply):
    server = scripted(lambda body, number: reply("yes", hang_up=number >= 5))
    backend = OpenAIBackend("m", server.url, api_key_env=KEY, concurrency=1, timeout=20, retries=1)
    kept = []
    with pytest.raises(GenerationError, match="the last ended in RemoteProtocolError"):
        for generation in backend.generate(ask(*"abcdefgh"), Decoding()):
            kept.append(generation.id)
    assert kept == ["0", "1", "2", "3", "4"]


def test_an_answer_that_takes_too_long_ends_the_run(ask, scripted, reply):
    ended = Event()

    def late(body, number):
        ended.wait(20)
        return reply("late")

    server = scripted(late)
    try:
        with pytest.raises(GenerationError, match=r"2 attempts of up to 0\.2 s; the last ended in ReadTimeout"):
            answers(server.url, ask("a"), timeout=0.2, retries=1)
    finally:
        ended.set()


def test_an_error_inside_the_server_that_does_not_pass_is_this_requests(ask, scripted, reply):
    server = scripted(lambda body, number: reply(status=500, body="boom") if "bad" in str(body) else reply("yes"))
    generations = answers(server.url, ask("bad", "good"))
    assert generations["0"] == Generation.failed("0", "500: boom") and generations["1"].text == "yes"
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "odd", "code": "x"}}, {"object": "error", "message": "odd"}, {"detail": "odd"}, "odd"],
    ids=["OpenAI", "old vLLM", "FastAPI", "text"],
)
def test_a_refused_request_is_an_error_in_the_servers_words_and_not_repeated(ask, scripted, reply, body):
    server = scripted(lambda sent, number: reply(status=422, body=body))
    assert answers(server.url, ask("a"))["0"] == Generation.failed("0", "422: odd")
    assert len(server.seen) == 1


def test_a_length_that_could_exceed_the_servers_context_is_left_to_the_server(ask, scripted, reply):
    strict = {"message": "This model's maximum context length is 4096 tokens. However, you requested 4800 tokens"}

    def vllm(body, number):
        return reply(status=400, body=strict) if "max_tokens" in body else reply("yes")

    assert answers(scripted(vllm).url, ask("a"))["0"].text == "yes"


def test_a_prompt_that_exceeds_the_servers_context_is_an_error_with_its_code(ask, scripted, reply):
    body = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    server = scripted(lambda sent, number: reply(status=400, body=body))
    assert answers(server.url, ask("a"))["0"].error == "context_length_exceeded: 400: too long"
    assert len(server.seen) == 2


@pytest.mark.parametrize(("status", "key", "said"), [(401, None, "is not set"), (403, "sk-secret", "is not accepted")])
def test_no_access_ends_the_run_at_once_and_names_the_variable_not_the_key(
    ask, scripted, reply, status, key, said, monkeypatch, capsys
):
    if key:
        monkeypatch.setenv(KEY, key)
    server = scripted(lambda body, number: reply(status=status, body={"error": {"message": "who are you"}}))
    with pytest.raises(GenerationError, match=rf"\({status}: who are you\).* {KEY} {said}") as raised:
        answers(server.url, ask("a"), concurrency=1)
    assert len(server.seen) == 1
    assert server.seen[0][1].get("Authorization") == (f"Bearer {key}" if key else None)
    shown = capsys.readouterr()
    assert "sk-secret" not in str(raised.value) + shown.out + shown.err


def test_an_unknown_model_ends_the_run_and_the_known_ones_are_named(ask, scripted, reply, caplog):
    server = scripted(lambda body, number: reply(status=404, body={"error": {"message": "no"}}), models=("x", "y"))
    with pytest.raises(GenerationError, match=r"knows no model 'm' \(404: no\) and serves x, y"):
        answers(server.url, ask(*"abcdefgh" * 4), concurrency=16)
    assert len(server.seen) <= 16
    gc.collect()
    assert not caplog.records, "a task that was given up complained"


def test_a_wrong_address_is_suspected(ask, scripted, reply):
    server = scripted(lambda body, number: reply(status=404, body={}))
    with pytest.raises(GenerationError, match="and lists none; is it the base URL, such as"):
        answers(server.url, ask("a"))


@pytest.mark.parametrize("body", ["<html>", {"choices": []}, {"choices": [{}]}, []])
def test_what_is_no_completion_ends_the_run(ask, scripted, reply, body):
    with pytest.raises(GenerationError, match="answers \\(200\\) with no chat completion"):
        answers(scripted(lambda sent, number: reply(body=body)).url, ask("a"))


@pytest.mark.parametrize("part", ["tool_calls", "reasoning_content"])
def test_a_server_that_takes_answers_apart_is_refused(ask, scripted, reply, part):
    server = scripted(lambda body, number: reply("rest", **{part: ["something"]}))
    with pytest.raises(GenerationError, match=f"has cut {part} out of the answer"):
        answers(server.url, ask("a"))


def test_a_withheld_answer_is_an_error(ask, scripted, reply):
    body = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    assert "content filter" in answers(scripted(lambda sent, number: reply(body=body)).url, ask("a"))["0"].error


def test_half_a_character_does_not_break_the_file(ask, scripted, reply):
    text = answers(scripted(lambda body, number: reply("a\ud83d")).url, ask("a"))["0"].text
    assert text.encode() == b"a?"


def test_the_record_keeps_secrets_out_of_the_address():
    backend = OpenAIBackend("m", "https://user:secret@host:1/v1?key=secret")
    assert backend.describe()["base_url"] == "https://host:1/v1"


def test_an_address_without_scheme_is_refused():
    with pytest.raises(GenerationError, match="the base URL is 'localhost:8000/v1', expected one such as"):
        OpenAIBackend("m", "localhost:8000/v1")
