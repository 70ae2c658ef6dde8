"""What runs in BFCL's own environment, ``python -m gd2po.evaluation.bfcl.child STEP JOB``. Never imported elsewhere."""
