"""Commands that start verl: a training, a supervised warm start, a job on a cluster."""
