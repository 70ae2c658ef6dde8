"""The rollout server on CPU: decoding with transformers, new weights from the trainer, verl's interface around both."""
