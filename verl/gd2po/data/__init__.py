"""Training data: from what its authors publish to the parquet rows verl reads, checked row by row."""
