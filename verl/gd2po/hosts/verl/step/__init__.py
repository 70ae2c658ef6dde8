"""What happens in a training step: scores, advantages, skipped rows, records, metrics, the line on the console."""
