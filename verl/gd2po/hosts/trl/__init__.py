"""gd2po in TRL's ``GRPOTrainer``: the same settings, metrics, records and skipped rows as in verl."""
