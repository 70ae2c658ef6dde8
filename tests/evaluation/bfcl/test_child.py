"""What the child process shares with us needs none of our dependencies."""

import subprocess
import sys

from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.generation import Decoding

SHARED = ("calls", "dialogue", "job", "categories")
HEAVY = ("torch", "numpy", "pydantic", "scipy", "transformers", "typer", "rich", "fastapi", "verl")
LIGHT = f"""
import sys
for name in {HEAVY}:
    sys.modules[name] = None  # importing it raises
from gd2po.evaluation.bfcl import {", ".join(SHARED)}
from gd2po.evaluation.generation import openai_backend
"""


def test_shared_modules_import_nothing_heavy():
    subprocess.run([sys.executable, "-P", "-c", LIGHT], check=True)


def test_a_job_survives_the_way():
    job = Job(("multiple",), model="m", base_url="http://h/v1", decoding=Decoding(temperature=0.5, context=99))
    assert Job.from_json(job.to_json()) == job
