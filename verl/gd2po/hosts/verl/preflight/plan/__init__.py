"""What a run will do before it starts: placement, batches, steps, checkpoints and memory, and splits that cannot work.

A plan reads the composed configuration, the model's ``config.json`` and the number of rows of the data. It starts
nothing. Its memory figures are arithmetic with stated assumptions (:mod:`gd2po.hosts.verl.preflight.plan.memory`).
"""
