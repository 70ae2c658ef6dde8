"""The program in BFCL's environment, ``python -m gd2po.evaluation.bfcl.child STEP JOB``; never imported elsewhere."""
