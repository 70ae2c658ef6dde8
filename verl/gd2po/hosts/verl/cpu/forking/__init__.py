"""Ray's workers on CPU are forked from one process that has imported torch, transformers, Ray and verl beforehand.

A run starts nine processes that import them, seconds of processor time each, mostly one after another. Ray starts each
by a shell command, and a runtime environment may replace the first words of it, which are the Python interpreter: here
by :mod:`.client`, which hands arguments, environment and open files to the :mod:`.server` and waits for the end of the
process that the server forks. The :mod:`.driver` starts the server.
"""
