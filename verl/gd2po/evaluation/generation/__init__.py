"""Answers of a model to many prompts: one contract, one backend per engine, one resumable run over them.

==================  ==================================================================
``choice``          which backend serves a model, from a user's options
``*_backend``       vLLM offline, transformers, any OpenAI-compatible server
``run``             the resumable run over a backend, and the file of its answers
``serving``         a backend as an OpenAI-compatible server on this machine
==================  ==================================================================
"""

from gd2po.evaluation.generation.contract import (
    Backend,
    Decoding,
    DecodingError,
    Finish,
    Generation,
    GenerationError,
    GenerationRequest,
)

__all__ = ["Backend", "Decoding", "DecodingError", "Finish", "Generation", "GenerationError", "GenerationRequest"]
