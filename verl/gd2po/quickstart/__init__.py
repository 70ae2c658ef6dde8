"""A newcomer's first run: a tiny policy, a small task in the real grammar, verl's own trainer on CPU."""
