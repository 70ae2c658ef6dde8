"""Benchmarks of a trained model: answers, scores, results, leaderboard. Needs neither verl nor Ray.

``generation`` turns prompts into answers, with any engine that serves the model; ``api_bank``, ``bfcl`` and ``safety``
are one benchmark each; ``results`` is the layout of every result; ``console`` and ``leaderboard`` show results.
"""
