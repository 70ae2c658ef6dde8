"""Carry out one step of a job; the exit code and the last line of the output say why it ended early."""

import os
import signal
import sys
from typing import cast

from gd2po.evaluation.bfcl.child.handler import Aborted
from gd2po.evaluation.bfcl.child.steps import carry_out
from gd2po.evaluation.bfcl.job import REFUSAL, Job, Step


def main() -> int:
    """Run the step in ``sys.argv`` and return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # BFCL would first wait for all answers under way
    sys.stdin = open(os.devnull)  # noqa: SIM115  # a call that a model makes up must not wait for a key press
    try:
        carry_out(cast(Step, sys.argv[1]), Job.from_json(sys.argv[2]))
    except Aborted as reason:
        sys.stdout.flush()
        sys.stderr.write(f"\n{' '.join(str(reason).split())}\n")
        return REFUSAL
    return 0


sys.exit(main())
