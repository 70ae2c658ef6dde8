"""Benchmarks of programming: HumanEval, the test part of MBPP, and problems of one's own.

===========  =====================================================================================
``sets``     the problems of each benchmark, from the files that ``gd2po data get`` fetches
``judging``  whether the program of a response passes every test, and whether it has a bug
===========  =====================================================================================

Everything else is common to benchmarks of questions, see :mod:`gd2po.evaluation.questions`.
"""
