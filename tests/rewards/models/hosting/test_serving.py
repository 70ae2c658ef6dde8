"""The server: the scores of the model alone, whatever else arrives, by the endpoints that verl and vLLM have."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import torch
from fastapi import HTTPException, Request

from gd2po.http_server import ServerError, serving
from gd2po.rewards.models.hosting.endpoints import ClassifyRequest, Endpoints, build_app
from gd2po.rewards.models.hosting.local import LocalRewardModel
from gd2po.rewards.models.hosting.serving import serve

ROWS = [[5, 6, 7], [8] * 40, [9, 10], list(range(20, 60))]


@pytest.fixture(scope="module")
def scalar(scalar_model):
    with serve(str(scalar_model), "scalar") as served:
        yield served


@pytest.fixture(scope="module")
def guard(guard_model):
    with serve(str(guard_model), "guard") as served:
        yield served


@pytest.fixture(scope="module")
def expected(scalar_model):
    """Each row through transformers, alone."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(scalar_model)
    with torch.inference_mode():
        return [float(model(torch.tensor([row])).logits[0, 0]) for row in ROWS]


class HeldModel:
    """A model whose passes wait until they may go on; its scores, or a failure, can be set."""

    def __init__(self, model):
        self.context, self.vocabulary = model.context, model.vocabulary
        self.started, self.may = threading.Event(), threading.Event()
        self.computed, self.scores, self.failure = [], None, None
        self._model = model

    def answer(self, rows):
        self.started.set()
        assert self.may.wait(20)
        if self.failure:
            raise self.failure
        self.computed.extend(rows)
        return self.scores or self._model.answer(rows)


class Watched(Endpoints):
    """Endpoints that count the requests that have arrived, and tell when one was refused."""

    def __init__(self, name, model):
        super().__init__(name, "scalar", model)
        self.model, self.arrived, self.refused = model, 0, threading.Event()

    async def classify(self, body: ClassifyRequest, request: Request) -> dict[str, Any]:
        self.arrived += 1
        try:
            return await super().classify(body, request)
        except HTTPException:
            self.refused.set()
            raise


@pytest.fixture
def held(scalar_model):
    """A served model whose passes wait."""
    name = str(scalar_model)
    endpoints = Watched(name, HeldModel(LocalRewardModel(name, "scalar")))
    with serving(build_app(endpoints), "127.0.0.1", 0) as endpoints.url:
        yield endpoints
        endpoints.model.may.set()


def classify(served, rows, timeout=30, **options):
    body = {"input": rows, "use_activation": False, **options}
    return httpx.post(f"{served.url}/classify", json=body, timeout=timeout)


def scores(response):
    assert response.status_code == 200, response.text
    return [row["probs"][0] for row in response.json()["data"]]


def test_raw_logits_do_not_depend_on_the_batch(scalar, expected):
    assert scores(classify(scalar, ROWS)) == pytest.approx(expected, abs=1e-5)
    assert [scores(classify(scalar, row))[0] for row in ROWS] == pytest.approx(expected, abs=1e-5)


def test_text_is_tokenized_as_it_is(scalar, tokenizer):
    text = "<|im_start|>user\nmix flour<|im_end|>\n"
    assert scores(classify(scalar, text)) == scores(classify(scalar, tokenizer(text)["input_ids"]))


def test_with_activation_it_is_a_probability_as_in_vllm(scalar, expected):
    probabilities = scores(classify(scalar, ROWS, use_activation=True))
    assert probabilities == pytest.approx(torch.tensor(expected).sigmoid().tolist(), abs=1e-5)


def test_what_arrives_during_a_pass_is_computed_together(held, expected):
    async def many():
        async with httpx.AsyncClient(base_url=held.url, timeout=60) as client:
            bodies = [{"input": ROWS[number % 4], "use_activation": False} for number in range(64)]
            answers = [asyncio.create_task(client.post("classify", json=body)) for body in bodies]
            while held.arrived < len(bodies):
                await asyncio.sleep(0.001)
            held.model.may.set()
            return await asyncio.gather(*answers)

    answers = [scores(response)[0] for response in asyncio.run(many())]
    assert answers == pytest.approx(expected * 16, abs=1e-5)
    assert held.batcher.passes <= 3


def test_asleep_it_answers_503_and_awake_again_it_scores(scalar):
    scalar.pause()
    assert classify(scalar, ROWS[0]).status_code == 503
    scalar.resume()
    assert classify(scalar, ROWS[0]).status_code == 200


def test_it_says_what_it_serves(scalar, scalar_model):
    assert httpx.get(f"{scalar.url}/health").status_code == 200
    assert httpx.get(f"{scalar.url}/v1/models").json()["data"][0]["id"] == str(scalar_model)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"input": [5] * 129}, 400, "129 tokens are more than the model's context of 128"),
        ({"input": []}, 422, "at least 1 item"),
        ({"input": [[]]}, 422, "at least 1 item"),
        ({"input": [-1, 5]}, 422, "greater than or equal to 0"),
        ({"input": [True]}, 422, "valid integer"),
        ({"input": ""}, 400, "a text of no tokens has no score"),
        ({"input": [5, 1_000_000]}, 400, "token id 1000000 is not below"),
        ({}, 422, "Field required"),
        ({"input": "a", "model": "another"}, 404, "there is no model 'another' here, only"),
    ],
)
def test_what_cannot_be_scored_is_refused(scalar, body, status, text):
    response = httpx.post(f"{scalar.url}/classify", json=body)
    assert (response.status_code, text in response.text) == (status, True), response.text


def test_a_failure_of_the_model_is_told_and_the_server_goes_on(held):
    held.model.may.set()
    held.model.failure = RuntimeError("no memory")
    response = classify(held, ROWS)
    assert (response.status_code, response.json()) == (500, {"detail": "RuntimeError: no memory"})
    held.model.failure = None
    assert classify(held, ROWS).status_code == 200


def test_who_has_given_up_is_not_computed(held):
    """A client that asks again after its timeout does not make the server compute twice."""
    with ThreadPoolExecutor() as pool:
        first = pool.submit(classify, held, ROWS[0])
        assert held.model.started.wait(20)
        with pytest.raises(httpx.ReadTimeout):
            classify(held, ROWS[1], timeout=0.3)
        assert held.refused.wait(20)
        third = pool.submit(classify, held, ROWS[2])
        held.model.may.set()
        assert (first.result().status_code, third.result().status_code) == (200, 200)
    assert held.model.computed == [ROWS[0], ROWS[2]]


@pytest.mark.parametrize("score", [-1e4, -40.0, 0.0, 40.0, 1e4])
def test_no_score_is_too_large_for_the_activation(held, score):
    held.model.may.set()
    held.model.scores = [score]
    expected = float(torch.tensor(score, dtype=torch.float64).sigmoid())
    assert scores(classify(held, ROWS[0], use_activation=True)) == pytest.approx([expected], rel=1e-12)


def test_a_taken_port_is_refused(scalar, scalar_model):
    port = httpx.URL(scalar.url).port
    taken = pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{port}")
    with taken, serve(str(scalar_model), "scalar", port=port):
        pass


ONE = {"max_tokens": 1, "temperature": 0, "logprobs": 5, "return_tokens_as_token_ids": True}


def test_a_guard_gives_the_likeliest_next_tokens(guard, guard_model):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(guard_model)
    answer = httpx.post(f"{guard.url}/v1/completions", json={"prompt": ROWS, **ONE}).json()
    assert (answer["object"], answer["model"]) == ("text_completion", str(guard_model))
    for row, choice in zip(ROWS, answer["choices"], strict=True):
        values, tokens = model(torch.tensor([row])).logits[0, -1].log_softmax(-1).topk(5)
        [likeliest] = choice["logprobs"]["top_logprobs"]
        assert list(likeliest) == [f"token_id:{token}" for token in tokens.tolist()]
        assert list(likeliest.values()) == pytest.approx(values.tolist(), abs=1e-5)
        assert choice["logprobs"]["tokens"] == list(likeliest)[:1] and choice["finish_reason"] == "length"


@pytest.mark.parametrize(
    "change",
    [{"max_tokens": 5}, {"temperature": 0.7}, {"logprobs": 21}, {"logprobs": 0}, {"return_tokens_as_token_ids": False}],
)
def test_what_a_guard_cannot_answer_is_refused(guard, change):
    body = {"prompt": ROWS[0], **ONE, **change}
    response = httpx.post(f"{guard.url}/v1/completions", json=body)
    assert response.status_code == 422 and next(iter(change)) in response.text
