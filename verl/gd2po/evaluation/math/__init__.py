"""Benchmarks of mathematics: GSM8K, MATH-500, AIME, AMC, Minerva, OlympiadBench.

===========  =====================================================================================
``sets``     the questions of each benchmark, from the files that ``gd2po data get`` fetches
``judging``  whether a response has the reference answer: tolerances, several answers, units
``flawed``   questions whose reference cannot be compared soundly
===========  =====================================================================================

Everything else is common to benchmarks of questions, see :mod:`gd2po.evaluation.questions`.
"""
