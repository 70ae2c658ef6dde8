"""One client for every server, and what it does when a server does not do its part."""

import asyncio
import contextlib
import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gd2po import retries
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.hosting.serving import serve

QUESTION = [{"role": "user", "content": "how do i bake bread ?"}]
FINE = (200, {"data": [{"probs": [1.5]}]})


class Server:
    """A server that gives prepared answers, the last one for ever.

    An answer is ``(status, body)`` or ``(status, body, headers)``, seconds to be silent for, or an iterator of bytes
    that are sent ten a second.
    """

    def __init__(self, *answers):
        self.requests = []
        answers = list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                self.requests.append((handler.path, body))
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = FINE
                with contextlib.suppress(OSError):
                    handler.drip(answer) if isinstance(answer, Iterator) else handler.send(*answer)

            def send(handler, status, body, headers=()):
                content = json.dumps(body).encode()
                handler.send_response(status)
                for name, value in {**dict(headers), "Content-Length": str(len(content))}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(content)

            def drip(handler, pieces):
                handler.send_response(200)
                handler.send_header("Content-Length", "1000")
                handler.end_headers()
                for piece in pieces:
                    handler.wfile.write(piece)
                    time.sleep(0.1)

            def log_message(handler, *_arguments):
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr(retries, "FIRST_DELAY", 0.01)


@pytest.fixture
def ask(settings_of, scalar_model, tokenizer):
    """Scores of so many rollouts, asked at once."""

    def ask(addresses, rollouts=1, **options):
        async def run():
            client = RewardModelClient("useful", settings_of(scalar_model, **options), addresses, tokenizer)
            try:
                return await asyncio.gather(*(client.score(QUESTION, f"answer {n}") for n in range(rollouts)))
            finally:
                await client.close()

        return asyncio.run(run())

    return ask


def test_scores_of_our_server_are_those_of_transformers(ask, scalar_model, tokenizer):
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(scalar_model)
    with serve(str(scalar_model), "scalar") as served:
        scores = ask([served.url], rollouts=5)
    for number, scored in enumerate(scores):
        turns = [*QUESTION, {"role": "assistant", "content": f"answer {number}"}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt")["input_ids"]
        assert scored.score == pytest.approx(model(ids).logits[0, 0].item(), abs=1e-5)
        assert (scored.attempts, scored.cut, scored.failure) == (1, 0, None)


def test_a_model_that_sleeps_is_waited_for(ask, scalar_model):
    with serve(str(scalar_model), "scalar") as served:
        served.pause()
        threading.Timer(0.2, served.resume).start()
        scores = ask([served.url], rollouts=3, retries=10)
    assert all(scored.score is not None and scored.attempts > 1 for scored in scores)


@pytest.fixture(scope="module")
def guard(guard_model):
    with serve(str(guard_model), "guard") as served:
        yield served


@pytest.fixture
def ask_guard(settings_of, guard_model, tokenizer, guard):
    def ask(**labels):
        async def run():
            settings = settings_of(guard_model, kind="guard", on_failure="not_scored", guard=labels)
            client = RewardModelClient("harm", settings, [guard.url], tokenizer)
            try:
                return await client.score(QUESTION, "mix")
            finally:
                await client.close()

        return asyncio.run(run())

    return ask


@pytest.fixture(scope="module")
def likeliest(guard_model, tokenizer):
    """``[(token as text, log-probability)]`` of the next token of the guard, the likeliest first."""
    import torch
    from transformers import AutoModelForCausalLM

    turns = [*QUESTION, {"role": "assistant", "content": "mix"}]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        log_probs = AutoModelForCausalLM.from_pretrained(guard_model)(ids).logits[0, -1].log_softmax(-1)
    ordered = [(tokenizer.decode([token]), float(log_probs[token]), token) for token in log_probs.argsort().tolist()]
    return [(text, value) for text, value, token in ordered[::-1] if tokenizer(text)["input_ids"] == [token]]


def test_the_score_of_a_guard_is_the_log_odds_of_its_labels(ask_guard, likeliest):
    (first, unsafe), (second, safe), (third, safe_too) = likeliest[:3]
    answer = ask_guard(unsafe=[first], safe=[second, third])
    assert answer.score == pytest.approx(unsafe - math.log(math.exp(safe) + math.exp(safe_too)), abs=1e-5)
    assert ask_guard(unsafe=[second], safe=[first]).score == pytest.approx(safe - unsafe, abs=1e-5)


def test_a_side_that_is_not_among_the_likeliest_is_bounded(ask_guard, likeliest):
    """The bound is the least of what the server gives, so the score lies between it and the truth."""
    (first, unsafe), (last, safe) = likeliest[0], likeliest[-1]
    answer = ask_guard(unsafe=[first], safe=[last])
    assert 0 < answer.score < unsafe - safe
    assert ask_guard(unsafe=[last], safe=[first]).score == pytest.approx(-answer.score)


def test_a_guard_that_says_neither_is_no_score(ask_guard, likeliest):
    answer = ask_guard(unsafe=[likeliest[-1][0]], safe=[likeliest[-2][0]])
    assert answer.score is None and "neither label is among the 20 likeliest tokens" in answer.failure


@pytest.mark.parametrize(
    ("engine", "path", "answer"),
    [("vllm", "/classify", FINE[1]), ("sglang", "/v1/embeddings", {"data": [{"embedding": [1.5]}]})],
)
def test_each_engine_is_asked_its_own_way(ask, engine, path, answer, scalar_model):
    with Server((200, answer)) as server:
        assert ask([server.url], engine=engine)[0].score == 1.5
    [(endpoint, body)] = server.requests
    assert endpoint == path
    assert body["model"] == str(scalar_model) and isinstance(body["input"][0], int)
    assert body.get("use_activation", False) is False


@pytest.mark.parametrize("trouble", [(503, {"detail": "asleep"}), (500, {}), (429, {})])
def test_a_failure_that_may_pass_is_asked_again(ask, trouble):
    with Server(trouble, trouble, FINE) as server:
        [answer] = ask([server.url], retries=3)
    assert (answer.score, answer.attempts) == (1.5, 3)


def test_an_answer_that_comes_too_late_makes_no_second_score(ask):
    with Server(1.0, FINE) as server:
        [answer] = ask([server.url], retries=2, timeout=0.3)
    assert (answer.score, answer.attempts) == (1.5, 2)
    assert len(server.requests) == 2


def test_a_refusal_is_not_asked_again(ask):
    with Server((400, {"detail": "too long"})) as server, pytest.raises(RewardModelError, match=r"400: .*too long"):
        ask([server.url], retries=3)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"data": [{"probs": [0.1, 0.9]}]}, "2 outputs, expected one: a reward model has num_labels 1"),
        ({"data": []}, "the answer has no score"),
        ({"data": [{"probs": [float("nan")]}]}, "the score is nan"),
        ({"data": [{"probs": {"a": 1}}]}, "the answer has no score"),
        ({"data": ["text"]}, "the answer has no score"),
        ([1.5], "the answer is no JSON object"),
    ],
)
def test_what_is_no_score_is_none(ask, answer, reason):
    with Server((200, answer)) as server:
        [answer] = ask([server.url], on_failure="not_scored")
    assert answer.score is None and reason in answer.failure


def test_an_error_names_reward_model_address_cause_and_remedy(ask, scalar_model):
    with pytest.raises(RewardModelError) as error:
        ask(["http://127.0.0.1:9"], retries=1)
    for part in ("'useful'", str(scalar_model), "http://127.0.0.1:9", "2 requests", "ConnectError", "not_scored"):
        assert part in str(error.value)


def test_replicas_share_the_work_and_stand_in_for_each_other(ask):
    with Server(0.05) as first, Server(0.05) as second:
        ask([first.url, second.url], rollouts=20)
        assert len(first.requests) == len(second.requests) == 10
        scores = ask([first.url, "http://127.0.0.1:9"], rollouts=10, retries=1)
    assert all(scored.score == 1.5 for scored in scores)


@pytest.fixture
def one_by_one(settings_of, scalar_model, tokenizer):
    """So many calls of one client, one after the other."""

    def ask(url, calls):
        async def run():
            settings = settings_of(scalar_model, on_failure="not_scored")
            client = RewardModelClient("useful", settings, [url], tokenizer)
            scores = [await client.score(QUESTION, "answer") for _ in range(calls)]
            await client.close()
            return scores

        return asyncio.run(run())

    return ask


def test_who_does_not_answer_is_soon_not_asked(one_by_one):
    with Server((500, {"detail": "broken"})) as server:
        scores = one_by_one(server.url, 8)
    assert [scored.attempts for scored in scores] == [1] * 5 + [0] * 3
    assert all("broken" in scored.failure for scored in scores)
    assert len(server.requests) == 5


@pytest.mark.parametrize("refusal", [(400, {"detail": "too long"}), (200, {"data": []})])
def test_rollouts_that_a_model_refuses_do_not_make_it_gone(one_by_one, refusal):
    with Server(*[refusal] * 6, FINE) as server:
        scores = one_by_one(server.url, 7)
    assert [scored.attempts for scored in scores] == [1] * 7
    assert [scored.score for scored in scores] == [None] * 6 + [1.5]


def test_an_answer_that_drips_is_too_late(ask):
    """Every byte in time, and the whole answer not."""
    with Server(iter([b" "] * 20)) as server:
        [answer] = ask([server.url], timeout=0.3, on_failure="not_scored")
    assert answer.score is None and "no answer in 0.3 s" in answer.failure


def test_the_servers_wish_to_wait_is_honoured(ask):
    with Server((503, {}, {"Retry-After": "0.5"}), FINE) as server:
        [answer] = ask([server.url], retries=1)
    assert answer.score == 1.5 and answer.seconds >= 0.5


def test_a_proxy_of_the_environment_is_left_aside(ask, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Server(FINE) as server:
        assert ask([server.url])[0].score == 1.5


@pytest.mark.parametrize("addresses", [["10.0.0.5:8000"], []])
def test_what_is_no_address_is_refused(ask, addresses):
    with pytest.raises(RewardModelError, match=r"reward 'useful': the addresses .* such as http://10.0.0.5:8000"):
        ask(addresses)


@pytest.mark.parametrize("on_failure", ["error", "not_scored"])
def test_a_conversation_that_the_template_refuses(ask, on_failure, tmp_path):
    strict = tmp_path / "strict.jinja"
    strict.write_text("{{ raise_exception('roles must alternate') }}")
    with Server(FINE) as server:
        if on_failure == "error":
            with pytest.raises(RewardModelError, match="refuses turns of user, assistant: roles must alternate"):
                ask([server.url], template=str(strict))
        else:
            [answer] = ask([server.url], template=str(strict), on_failure=on_failure)
            assert (answer.score, answer.attempts) == (None, 0) and "roles must alternate" in answer.failure
    assert server.requests == []


def test_tokens_that_were_cut_are_counted(ask):
    with Server(FINE) as server:
        [answer] = ask([server.url], max_length=4)
    assert answer.cut > 0 and len(server.requests[0][1]["input"]) == 4
