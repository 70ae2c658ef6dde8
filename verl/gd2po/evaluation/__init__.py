"""Benchmarks of a trained model: answers, scores, results, leaderboard. Needs neither verl nor Ray.

``generation`` turns prompts into answers, by whatever serves the model; ``api_bank`` and ``bfcl`` are one benchmark
each; ``results`` is the one layout in which all of them leave what they found.
"""
