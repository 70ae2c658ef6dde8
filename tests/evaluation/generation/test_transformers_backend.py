"""Answers of a real model, in batches and one by one."""

import json
import logging
import random
import shutil
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gd2po.evaluation.generation import Decoding, GenerationError
from gd2po.evaluation.generation.prompts import TokenizedPrompt
from gd2po.evaluation.generation.sampling import SeededSampling
from gd2po.evaluation.generation.transformers_backend import TransformersBackend, batch_size, next_batch

_rng = random.Random(3)
TEXTS = ["".join(_rng.choices("abcdefghij ", k=_rng.randint(35, 85))) for _ in range(16)]
SHORT = Decoding(max_tokens=50)


@pytest.fixture(scope="module")
def loaded(tiny_model):
    with TransformersBackend(str(tiny_model)) as backend:
        yield backend


@pytest.fixture(params=["continuous", "padded"])
def backend(loaded, request, monkeypatch):
    """The backend as it is on CPU, and as it is on a GPU or for a model with a recurrent state."""
    assert loaded._continuous
    monkeypatch.setattr(loaded, "_continuous", request.param == "continuous")
    return loaded


@pytest.fixture
def padded(loaded, monkeypatch):
    monkeypatch.setattr(loaded, "_continuous", False)
    return loaded


def answers(backend, requests, decoding=SHORT, batch_tokens=100_000):
    backend._batch_tokens = batch_tokens
    return {generation.id: generation for generation in backend.generate(requests, decoding)}


@pytest.fixture
def rows(loaded, monkeypatch):
    """Rows of each pass through the model."""
    seen = []
    forward = loaded._model.forward

    def noting(input_ids, **options):
        seen.append(len(input_ids))
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(loaded._model, "forward", noting)
    return seen


def test_a_batch_answers_as_each_prompt_is_answered_alone(backend, ask, rows):
    together = answers(backend, ask(*TEXTS))
    assert rows[0] == 16
    rows.clear()
    alone = answers(backend, ask(*TEXTS), batch_tokens=1)
    assert set(rows) == {1}
    assert together == alone
    assert {generation.finish for generation in alone.values()} == {"stop", "length"}


def test_a_row_is_free_for_the_next_prompt_as_soon_as_its_answer_ends(loaded, ask, rows):
    generations = answers(loaded, ask(*TEXTS), batch_tokens=4 * 180)
    assert max(rows) == 4
    lengths = [generation.response_tokens for generation in generations.values()]
    passes = 16 + sum(length - 1 for length in lengths)  # a prompt is read in its first
    assert sum(rows) == passes and min(lengths) < 50 == max(lengths)


def test_the_first_answer_is_there_before_the_last_is_begun(loaded, ask, rows):
    first = next(iter(loaded.generate(ask(*TEXTS), SHORT)))
    assert first.finish == "stop" and sum(rows) < 16 * 50


def test_answers_are_the_models_greedy_tokens_without_its_penalties(backend, ask, tiny_model):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert json.loads((tiny_model / "generation_config.json").read_text())["repetition_penalty"] == 1.5
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokens = tokenizer("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n")["input_ids"]
    drawn = list(tokens)
    for _ in range(30):  # the definition of greedy
        drawn.append(int(model(torch.tensor([drawn])).logits[0, -1].argmax()))
    (answer,) = answers(backend, ask("hello"), Decoding(max_tokens=30)).values()
    assert answer.text == tokenizer.decode(drawn[len(tokens) :], skip_special_tokens=True)
    assert (answer.prompt_tokens, answer.response_tokens, answer.finish) == (len(tokens), 30, "length")


def test_an_answer_ends_before_its_end_token(backend, ask):
    generations = answers(backend, ask(*TEXTS))
    ended = [generation for generation in generations.values() if generation.finish == "stop"]
    assert ended
    assert all("<|im_end|>" not in generation.text for generation in ended)
    assert all(0 < generation.response_tokens <= 50 for generation in ended)


def test_no_answer_outgrows_the_model_or_the_context(backend, ask):
    generations = answers(backend, ask(*TEXTS, "y" * 240), Decoding())
    cut = [generation for generation in generations.values() if generation.finish == "length"]
    assert {generation.prompt_tokens + generation.response_tokens for generation in cut} == {256}
    assert generations["16"].finish == "error" and "the 256 tokens this model can read" in generations["16"].error


def test_white_space_before_punctuation_stays(loaded, monkeypatch):
    tokenizer = loaded._files.tokenizer
    monkeypatch.setattr(tokenizer, "clean_up_tokenization_spaces", True)
    monkeypatch.setattr(tokenizer, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", True)
    text = '{"a" : [1 , 2] , "b" : "it \'s"}'
    tokens = tokenizer(text)["input_ids"]
    prompt = type("Prompt", (), {"id": "x", "tokens": [0], "room": 99})
    assert loaded._read(prompt, tokens).text == text


def test_the_batch_is_halved_until_it_fits(padded, ask, monkeypatch, caplog):
    expected = answers(padded, ask(*TEXTS))
    seen = []
    generate = padded._model.generate

    def small_device(input_ids, **options):
        seen.append(len(input_ids))
        if len(input_ids) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(input_ids, **options)

    monkeypatch.setattr(padded._model, "generate", small_device)
    with caplog.at_level(logging.WARNING):
        assert answers(padded, ask(*TEXTS)) == expected
    assert seen[0] == 16 and max(seen[3:]) <= 5, seen
    assert "16 rows do not fit the device" in caplog.text


def test_a_row_that_does_not_fit_alone_is_an_error_and_the_others_go_on(padded, ask, monkeypatch):
    generate = padded._model.generate

    def tiny_device(input_ids, **options):
        if input_ids.shape[1] > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(input_ids, **options)

    monkeypatch.setattr(padded._model, "generate", tiny_device)
    generations = answers(padded, ask("z" * 100, "a"))
    assert generations["0"].finish == "error" and generations["0"].error.startswith("out of memory on its own: 1")
    assert generations["1"].finish != "error"


def test_it_says_what_it_is(loaded, tiny_model):
    description = loaded.describe()
    assert (description["name"], description["model"], description["model_context"]) == (
        "transformers",
        str(tiny_model),
        256,
    )
    assert (description["dtype"], description["device"]) == ("float32", "cpu")
    assert len(description["model_hash"]) == 64 and set(description["versions"]) == {"torch", "transformers"}


def test_a_model_with_a_recurrent_state_is_answered_in_padded_batches(tiny_model, monkeypatch):
    from transformers import Qwen2ForCausalLM

    monkeypatch.setattr(Qwen2ForCausalLM, "_is_stateful", True)
    with TransformersBackend(str(tiny_model)) as backend:
        assert not backend._continuous


def test_the_precision_is_the_one_that_this_machine_is_told_to_compute_in(tiny_model, ask, monkeypatch, caplog):
    monkeypatch.setenv("GD2PO_CPU_PRECISION", "bfloat16")
    with caplog.at_level(logging.INFO), TransformersBackend(str(tiny_model)) as backend:
        assert backend.describe()["dtype"] == "bfloat16"
        generations = answers(backend, ask(*TEXTS))
    assert "computing in bfloat16: GD2PO_CPU_PRECISION=bfloat16" in caplog.text
    assert all(generation.finish in ("stop", "length") for generation in generations.values())


def seeded(ask, *texts, seeds):
    return [replace(request, seed=seed) for request, seed in zip(ask(*texts), seeds, strict=True)]


def test_a_sampled_answer_depends_on_its_prompt_and_seed_alone(backend, ask):
    warm = Decoding(temperature=1.0, max_tokens=20)
    requests = seeded(ask, "hello", "hello", *TEXTS[:3], "hello", seeds=[1, 2, 3, 4, 5, 1])
    together = answers(backend, requests, warm)
    assert together["0"].text == together["5"].text != together["1"].text
    for request in requests:
        assert answers(backend, [request], warm)[request.id] == together[request.id]
    assert answers(backend, ask("hello"), replace(warm, seed=1))["0"].text == together["0"].text


def test_samples_follow_the_softmax_at_a_temperature_within_the_nucleus():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    for temperature, top_p, kept in ((1.0, 1.0, 4), (0.5, 1.0, 4), (1.0, 0.7, 2), (1.0, 0.6, 1)):
        draw = SeededSampling(range(4000), temperature, top_p, "cpu")
        drawn = draw(None, logits.expand(4000, 4)).argmax(-1)
        expected = (logits[0] / temperature)[:kept].softmax(-1)
        shares = torch.bincount(drawn, minlength=4) / 4000
        assert torch.allclose(shares[:kept], expected, atol=0.03) and shares[kept:].sum() == 0


def test_a_cool_enough_sample_is_the_greedy_answer(backend, ask):
    greedy = answers(backend, ask(*TEXTS[:4]))
    assert answers(backend, ask(*TEXTS[:4]), replace(SHORT, temperature=1e-4)) == greedy


def test_a_model_without_chat_template_is_refused(tiny_model, tmp_path):
    bare = shutil.copytree(tiny_model, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(GenerationError, match="has no chat template, so its prompts cannot be written; evaluate the"):
        TransformersBackend(str(bare))


def test_a_model_that_is_nowhere_is_refused(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(GenerationError, match="taken as a name on the hub since there is no such folder"):
        TransformersBackend("nowhere/at-all")


def test_weights_that_are_missing_are_refused(tiny_model, tmp_path):
    empty = shutil.copytree(tiny_model, tmp_path / "empty")
    (empty / "model.safetensors").unlink()
    with pytest.raises(GenerationError, match=f"{empty} cannot be loaded"):
        TransformersBackend(str(empty))


waiting_prompts = st.lists(
    st.builds(TokenizedPrompt, st.just("id"), st.lists(st.just(0), min_size=1, max_size=20), st.integers(1, 9)),
    min_size=1,
).map(lambda drawn: sorted(drawn, key=lambda prompt: len(prompt.tokens), reverse=True))


def test_size_counts_padding_of_prompt_and_answer():
    assert batch_size([TokenizedPrompt("a", [1, 2, 3], 1), TokenizedPrompt("b", [1], 4)]) == 2 * (3 + 4)


@given(waiting_prompts, st.integers(1, 200))
def test_a_batch_is_the_longest_head_within_budget_and_padding(waiting, budget):
    def allowed(rows):
        head = waiting[:rows]
        return batch_size(head) <= budget and 2 * len(head[-1].tokens) >= len(head[0].tokens)

    batch = next_batch(waiting, budget)
    assert batch == waiting[: len(batch)] and batch
    assert len(batch) == 1 or allowed(len(batch))
    assert len(batch) == len(waiting) or not allowed(len(batch) + 1)
