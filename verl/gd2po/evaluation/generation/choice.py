"""Which engine serves a model, from what a user says and what the machine has."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from gd2po import defaults
from gd2po.errors import SettingsError, nearest
from gd2po.evaluation.generation.contract import Backend, Decoding
from gd2po.evaluation.generation.model_folder import find_model

HASHES = "model_files.json"
"""In a result folder: sums of the model's files, so that a resumed run does not read them again."""

OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType({
    "vllm": frozenset({"tensor_parallel", "gpu_memory", "trust_remote_code"}),
    "transformers": frozenset({"batch_tokens", "trust_remote_code"}),
    "openai": frozenset({"base_url", "api_key_env", "concurrency", "timeout"}),
})  # fmt: skip
"""Backend → the options of :class:`Engine` that it takes."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What a user can say about the engine.

    Attributes:
        model: a Hugging Face folder, a checkpoint of verl that has been merged, a hub name, or a server's name for it.
        backend: a key of :data:`OPTIONS`, or None: ``openai`` with ``base_url``, else ``vllm`` where it and a GPU are
            at hand, else ``transformers``.
        base_url, api_key_env, concurrency, timeout: see :class:`.openai_backend.OpenAIBackend`.
        batch_tokens: see :class:`.transformers_backend.TransformersBackend`.
        tensor_parallel, gpu_memory: see :class:`.vllm_backend.VllmBackend`.
        trust_remote_code: run Python code that comes with the model.
    """

    model: str
    backend: str | None = None
    base_url: str | None = None
    api_key_env: str = defaults.EVAL_API_KEY_ENV
    concurrency: int = defaults.EVAL_CONCURRENCY
    timeout: float = defaults.EVAL_TIMEOUT
    batch_tokens: int = defaults.EVAL_BATCH_TOKENS
    tensor_parallel: int = defaults.EVAL_TENSOR_PARALLEL
    gpu_memory: float = defaults.EVAL_GPU_MEMORY
    trust_remote_code: bool = False


def open_backend(engine: Engine, decoding: Decoding, folder: Path) -> Backend:
    """Load the model, or get ready to ask a server. Enter what is returned, so that it is freed.

    Args:
        engine: what the user says.
        decoding: its ``context`` and ``seed`` shape vLLM's engine.
        folder: of the results; remembers the sums of the model's files.

    Raises:
        SettingsError: an unknown backend, or an option of another one.
        GenerationError: from the backend.
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
        SettingsError: it is unknown, or an option is given that it does not take, or one that it needs is not.
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
