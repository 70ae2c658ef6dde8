"""Reading verl's configuration and batches: settings, names, scores, the shape of a model. Nothing here wraps verl."""
