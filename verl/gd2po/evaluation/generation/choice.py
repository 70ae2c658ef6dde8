"""The choice of the engine that serves a model, from the user's options and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from gd2po.errors import SettingsError, nearest
from gd2po.evaluation.generation.contract import (
    API_KEY_ENV,
    BATCH_TOKENS,
    CONCURRENCY,
    GPU_MEMORY,
    TENSOR_PARALLEL,
    TIMEOUT,
    Backend,
    Decoding,
)
from gd2po.evaluation.generation.local_model import find_model

HASHES = "model_files.json"
"""The file with the checksums of the model's files in a result folder: a resumed run does not read them again."""

OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType({
    "vllm": frozenset({"tensor_parallel", "gpu_memory", "trust_remote_code"}),
    "transformers": frozenset({"batch_tokens", "trust_remote_code"}),
    "openai": frozenset({"base_url", "api_key_env", "concurrency", "timeout"}),
})  # fmt: skip
"""Per backend, the options of :class:`Engine` that it takes."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The options with which a user chooses an engine and its model.

    Attributes:
        model: A Hugging Face folder, a checkpoint of verl that has been merged, a hub name, or a server's name for it.
        backend: A key of :data:`OPTIONS`, or None: ``openai`` with ``base_url``, else ``vllm`` where it and a GPU are
            at hand, else ``transformers``.
        base_url, api_key_env, concurrency, timeout: Options of :class:`.openai_backend.OpenAIBackend`.
        batch_tokens: An option of :class:`.transformers_backend.TransformersBackend`.
        tensor_parallel, gpu_memory: Options of :class:`.vllm_backend.VllmBackend`.
        trust_remote_code: Whether to run Python code that comes with the model.
    """

    model: str
    backend: str | None = None
    base_url: str | None = None
    api_key_env: str = API_KEY_ENV
    concurrency: int = CONCURRENCY
    timeout: float = TIMEOUT
    batch_tokens: int = BATCH_TOKENS
    tensor_parallel: int = TENSOR_PARALLEL
    gpu_memory: float = GPU_MEMORY
    trust_remote_code: bool = False


def open_backend(engine: Engine, decoding: Decoding, folder: Path) -> Backend:
    """Load the model, or get ready to ask a server. Enter what is returned, so that it is freed.

    Args:
        engine: The user's options.
        decoding: The decoding; its ``context`` and ``seed`` shape vLLM's engine.
        folder: The result folder, which remembers the checksums of the model's files.

    Raises:
        SettingsError: The backend is unknown, or an option belongs to another one.
        GenerationError: The backend raised it.
    """
    name = choose(engine)
    options = {option: getattr(engine, option) for option in OPTIONS[name]}
    if name == "openai":
        from gd2po.evaluation.generation.openai_backend import OpenAIBackend

        return OpenAIBackend(engine.model, **options)
    model, hashes = find_model(engine.model), folder / HASHES
    folder.mkdir(parents=True, exist_ok=True)
    if name == "vllm":
        from gd2po.evaluation.generation.vllm_backend import VllmBackend

        return VllmBackend(model, context=decoding.context, seed=decoding.seed, hash_cache=hashes, **options)
    from gd2po.evaluation.generation.transformers_backend import TransformersBackend

    return TransformersBackend(model, hash_cache=hashes, **options)


def choose(engine: Engine) -> str:
    """The backend's name.

    Raises:
        SettingsError: It is unknown, an option is given that it does not take, or one is missing that it needs.
    """
    name = engine.backend or _default(engine)
    if name not in OPTIONS:
        raise SettingsError(f"unknown backend {name!r}.{nearest(name, OPTIONS)}")
    for option in fields(Engine)[2:]:
        if option.name not in OPTIONS[name] and getattr(engine, option.name) != option.default:
            owners = " and ".join(owner for owner in OPTIONS if option.name in OPTIONS[owner])
            raise SettingsError(f"{option.name} is an option of {owners}, and the backend is {name}; leave it out")
    if name == "openai" and engine.base_url is None:
        raise SettingsError("the openai backend needs the base URL of its server, such as http://127.0.0.1:8000/v1")
    return name


def _default(engine: Engine) -> str:
    if engine.base_url is not None:
        return "openai"
    if find_spec("vllm") is None:
        return "transformers"
    import torch

    return "vllm" if torch.cuda.is_available() else "transformers"
