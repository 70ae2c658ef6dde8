"""Scores from reward models: prompts, servers, one client for all of them, and the checks before a run.

Knows neither verl nor Ray. :mod:`gd2po.hosts.verl.reward_models` places the models of a training run and
:mod:`gd2po.evaluation.safety` those of an evaluation; both ask them through this package.
"""
