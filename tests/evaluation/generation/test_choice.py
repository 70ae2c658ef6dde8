"""Which backend is opened, and with what."""

import importlib.machinery

import pytest
import torch

from gd2po.errors import SettingsError
from gd2po.evaluation.generation import Decoding, GenerationError, choice
from gd2po.evaluation.generation.choice import Engine, choose, open_backend
from gd2po.evaluation.generation.openai_backend import OpenAIBackend
from gd2po.evaluation.generation.transformers_backend import TransformersBackend

URL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("url", "vllm", "gpu", "expected"),
    [
        (URL, True, True, "openai"),
        (None, True, True, "vllm"),
        (None, True, False, "transformers"),
        (None, False, True, "transformers"),
    ],
)
def test_the_machine_decides_where_the_user_does_not(url, vllm, gpu, expected, monkeypatch):
    spec = importlib.machinery.ModuleSpec("vllm", None) if vllm else None
    monkeypatch.setattr(choice, "find_spec", lambda name: spec)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert choose(Engine("m", base_url=url)) == expected


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Engine("m", "vlm"), "unknown backend 'vlm'. Did you mean 'vllm'?"),
        (Engine("m", "openai"), "the openai backend needs the base URL of its server"),
        (Engine("m", "vllm", base_url=URL), "base_url is an option of openai, and the backend is vllm"),
        (
            Engine("m", base_url=URL, tensor_parallel=2),
            "is an option of vllm, and the backend is openai",
        ),
        (Engine("m", base_url=URL, trust_remote_code=True), "is an option of vllm and transformers, and the backend"),
        (Engine("m", "transformers", timeout=5), "timeout is an option of openai, and the backend is transformers"),
    ],
)
def test_what_does_not_fit_is_refused(engine, said):
    with pytest.raises(SettingsError) as raised:
        choose(engine)
    assert said in str(raised.value)


def test_a_server_is_asked_with_the_users_options(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(OpenAIBackend, "__init__", lambda self, *args, **options: seen.append((args, options)))
    open_backend(Engine("org/m", base_url=URL, concurrency=3, timeout=9, api_key_env="K"), Decoding(), tmp_path)
    assert seen == [(("org/m",), {"base_url": URL, "concurrency": 3, "timeout": 9, "api_key_env": "K"})]


def test_a_model_is_opened_and_its_sums_are_kept_with_the_results(tiny_model, tmp_path):
    engine = Engine(str(tiny_model), "transformers", batch_tokens=5)
    with open_backend(engine, Decoding(), tmp_path / "out") as backend:
        assert isinstance(backend, TransformersBackend) and backend._batch_tokens == 5
        assert len(backend.describe()["model_hash"]) == 64
    assert (tmp_path / "out" / "model_files.json").is_file()
    assert sorted(path.suffix for path in tiny_model.iterdir()) == [
        ".jinja",
        ".json",
        ".json",
        ".json",
        ".json",
        ".safetensors",
    ]


def test_a_checkpoint_that_is_not_merged_is_refused_before_anything_is_loaded(tmp_path):
    (tmp_path / "actor").mkdir()
    (tmp_path / "actor" / "fsdp_config.json").write_text("{}")
    with pytest.raises(GenerationError, match=r"verl\.model_merger merge"):
        open_backend(Engine(str(tmp_path), "transformers"), Decoding(), tmp_path / "out")
