"""verl's V0 trainer, ``RayPPOTrainer``: whole batches in the trainer's process, in place of a queue of rollouts."""
