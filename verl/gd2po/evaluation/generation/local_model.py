"""The model that a user names: a Hugging Face folder, a name on the hub, or a training checkpoint of verl."""

import shlex
from functools import cached_property
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation.contract import GenerationError
from gd2po.evaluation.provenance import hash_model

_SHARDS = "fsdp_config.json"  # verl writes it beside its sharded weights
_WEIGHTS = ("*.safetensors", "*.bin")


class ModelFiles:
    """The parts of a model that every engine on this machine needs beside the weights: tokenizer, context and hash.

    Args:
        name: A folder, or a name on the Hugging Face hub.
        trust_remote_code: Whether to run Python code that comes with the model.
        hash_cache: A file that remembers the hash of the weights, see :func:`gd2po.evaluation.provenance.hash_model`.

    Raises:
        GenerationError: There is no such model, or its tokenizer has no chat template.
    """

    def __init__(self, name: str, trust_remote_code: bool, hash_cache: Path | None) -> None:
        from transformers import AutoConfig, AutoTokenizer

        self.name = name
        self._hash_cache = hash_cache
        try:
            config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
            self.tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
        except (OSError, ValueError) as error:
            reading = "" if Path(name).is_dir() else ", taken as a name on the hub since there is no such folder,"
            raise GenerationError(f"{name}{reading} cannot be loaded: {error}") from error
        self.context: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        if not self.tokenizer.chat_template:
            raise GenerationError(
                f"the tokenizer of {name} has no chat template, so its prompts cannot be written; evaluate the "
                "instruction-tuned model, or put the chat_template.jinja it was trained with beside its tokenizer"
            )

    @cached_property
    def folder(self) -> Path:
        """The folder of the files; for a hub model, the snapshot in the local cache."""
        from transformers.utils import cached_file

        return Path(str(cached_file(self.name, "config.json"))).parent

    def describe(self) -> dict[str, Any]:
        """The model's name, hash and context."""
        return {
            "model": self.name,
            "model_hash": hash_model(self.folder, self._hash_cache),
            "model_context": self.context,
        }


def find_model(model: str) -> str:
    """The folder or hub name to load.

    A checkpoint of verl (``global_step_N``, the ``actor`` in it or the ``huggingface`` in that) stands for its
    ``huggingface`` folder, once that holds weights.

    Raises:
        GenerationError: The folder does not exist, holds no model, or holds shards that must be merged first.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
            raise GenerationError(f"{model}: there is no such folder")
        return model
    for shards in (folder / "actor", folder, folder.resolve().parent):
        if (shards / _SHARDS).is_file():
            return _merged(shards)
    if not (folder / "config.json").is_file():
        raise GenerationError(f"{model} holds no config.json; expected the folder of a Hugging Face model")
    return str(folder)


def _merged(shards: Path) -> str:
    target = shards / "huggingface"
    if any(path for pattern in _WEIGHTS for path in target.glob(pattern)):
        return str(target)
    command = ["python", "-P", "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    command += ["--local_dir", str(shards), "--target_dir", str(target)]
    raise GenerationError(
        f"{shards} holds the sharded weights of a training run; merge them once with verl's own tool and evaluate "
        f"again:\n  {shlex.join(command)}"
    )
