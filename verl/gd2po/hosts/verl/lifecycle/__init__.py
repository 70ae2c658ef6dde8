"""What happens once in a run: checks and settings at its start, prompts that fit, the end of its engines."""
