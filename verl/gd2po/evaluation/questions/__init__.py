"""Benchmarks of questions that are answered several times each: pass@1, pass@k, length, with intervals over questions.

==============  ==================================================================================
``task``        questions, and the judge that says which responses are right
``run``         the whole way to a result folder
``summary``     pass@1, pass@k, the share of long responses, from judged samples
==============  ==================================================================================

A benchmark brings its questions and its judge: ``math``.
"""
