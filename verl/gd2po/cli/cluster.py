"""Several nodes: wait for them, submit to them."""
