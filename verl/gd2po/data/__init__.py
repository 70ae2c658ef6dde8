"""Training data: from published files to the parquet rows that verl reads, checked row by row.

- Public sets: :mod:`.catalogue` lists them, :mod:`.fetching` brings their files, :mod:`.recipes` turns those into files
  for training.
- A user's own file: :mod:`.layouts` reads it, :mod:`.tool_calling` writes prompts with a reference answer,
  :mod:`.demonstrations` writes demonstrations for a warm start.

Needs neither verl nor torch.
"""

DATASET_ROOT = "dataset"
"""Folder of the data sets, relative to where a command is started; the launchers read from it."""
