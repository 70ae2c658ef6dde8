"""Answers of a model to many prompts: one contract, one backend per engine, one resumable run over them."""

from gd2po.evaluation.generation.contract import Backend, Decoding, Finish, Generation, Request

__all__ = ["Backend", "Decoding", "Finish", "Generation", "Request"]
