"""Benchmarks of a trained model: answers, scores, results, leaderboard. Needs neither verl nor Ray.

``generation`` turns prompts into answers, with any engine that serves the model; ``api_bank``, ``bfcl``, ``safety`` and
``math`` are one benchmark each, the last one over ``questions``, which several benchmarks share; ``results`` is the
layout of every result; ``console`` and ``leaderboard`` show results.
"""
