"""Helpfulness and safety as reward models see them: greedy answers to validation prompts, scored by every model.

==============  ========================================================================
``items``       prompts from parquet files
``fitting``     dialogues that are too long, cut by a rule
``declared``    the reward models, from a training's configuration
``scoring``     scores of one reward model, resumable
``summary``     means with intervals per data source, refusals and lengths
``comparison``  paired with the answers of a second model
``run``         the whole way to a result folder
``pairs``       accuracy of reward models on preference pairs
==============  ========================================================================
"""
