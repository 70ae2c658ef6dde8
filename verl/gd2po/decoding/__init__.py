"""Answers of a causal language model on CPU, token by token: the engine of rollouts there and of evaluations."""
