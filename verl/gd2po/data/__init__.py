"""Training data: from what its authors publish to the parquet rows verl reads, checked row by row.

- Public sets: :mod:`.catalogue` knows them, :mod:`.fetching` brings their files, :mod:`.recipes` makes of them what
  training reads.
- A user's own file: :mod:`.layouts` reads it, :mod:`.tool_calling` writes prompts with a reference answer,
  :mod:`.demonstrations` what a warm start imitates.

Needs neither verl nor torch.
"""

DATASET_ROOT = "dataset"
"""Folder of the data sets, relative to where a command is started; the launchers read from it."""
