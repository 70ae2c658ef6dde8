"""vLLM does not silence what we log."""

import subprocess
import sys

SCRIPT = """
import logging
import verl
import verl.workers.rollout.vllm_rollout.vllm_async_server
logging.getLogger("gd2po.hosts.verl.step.narration").warning("seen beside vLLM")
"""


def test_our_warnings_are_seen_where_vllm_is_imported():
    ended = subprocess.run([sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "seen beside vLLM" in ended.stderr
