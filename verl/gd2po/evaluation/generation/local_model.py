"""A model in a folder or on the hub: its tokenizer, its context and its hash, for every engine that runs here."""

from functools import cached_property
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation.contract import GenerationError
from gd2po.evaluation.provenance import hash_model


class LocalModel:
    """What an engine must know beside the weights.

    Args:
        name: a folder, or a name on the Hugging Face hub.
        trust_remote_code: run Python code that comes with the model.
        hash_cache: file that remembers the hash of the weights, see :func:`gd2po.evaluation.provenance.hash_model`.

    Raises:
        GenerationError: there is no such model, or its tokenizer has no chat template.
    """

    def __init__(self, name: str, trust_remote_code: bool, hash_cache: Path | None) -> None:
        from transformers import AutoConfig, AutoTokenizer

        self.name = name
        self._hash_cache = hash_cache
        try:
            config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
            self.tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
        except (OSError, ValueError) as error:
            taken = "" if Path(name).is_dir() else ", taken as a name on the hub since there is no such folder,"
            raise GenerationError(f"{name}{taken} cannot be loaded: {error}") from error
        self.context: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
        if not self.tokenizer.chat_template:
            raise GenerationError(
                f"the tokenizer of {name} has no chat template, so its prompts cannot be written; evaluate the "
                "instruction-tuned model, or put the chat_template.jinja it was trained with beside its tokenizer"
            )

    @cached_property
    def folder(self) -> Path:
        """Where the files are; of a hub model, the snapshot in the local cache."""
        from transformers.utils import cached_file

        return Path(str(cached_file(self.name, "config.json"))).parent

    def describe(self) -> dict[str, Any]:
        """Name, hash and context."""
        return {
            "model": self.name,
            "model_hash": hash_model(self.folder, self._hash_cache),
            "model_context": self.context,
        }
