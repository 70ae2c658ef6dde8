"""The reward models of a training run: they start with it, and colocated ones sleep while nothing is scored."""
