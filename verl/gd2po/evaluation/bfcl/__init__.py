"""The Berkeley Function-Calling Leaderboard through its own evaluator, the unmodified wheel ``bfcl-eval``.

The wheel pins numpy 1.26 and cannot live beside verl, so it has an environment of its own (:mod:`.environment`), and
every evaluation runs there in new processes (:mod:`.process`), for the evaluator keeps simulators of earlier ones.
BFCL asks the questions, runs the simulators and judges; what is ours is the prompt (:mod:`.dialogue`), the reading of
calls (:mod:`.calls`), and the scores (:mod:`.scores`).

``child`` is the part that runs in that environment. It, and what it imports from here, needs nothing of gd2po's own
dependencies but httpx.
"""
