"""The reward models of a training run: started with it, asked by its reward workers, asleep while they are not."""
