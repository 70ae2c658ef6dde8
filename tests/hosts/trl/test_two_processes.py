"""Two processes share one batch: scores are gathered, advantages are computed once, and each gets its own part."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")


@pytest.mark.e2e
def test_two_processes_train_on_the_advantages_of_the_whole_batch(policy, tmp_path):
    script = Path(__file__).with_name("two_processes.py")
    launch = [sys.executable, "-P", "-m", "torch.distributed.run", "--nproc-per-node=2"]
    launch += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", str(script), str(policy), str(tmp_path)]
    done = subprocess.run(launch, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["difference"] < 1e-6
    assert result["left_out"][0] > 0 and result["left_out"][1] == 0
    for step, gathered in enumerate(result["advantages"], start=1):
        rows = [
            json.loads(line) for line in (tmp_path / "True" / "rollouts" / f"{step}.jsonl").read_text().splitlines()
        ]
        assert len(rows) == len(gathered) == 32
        assert [row["advantage"] for row in rows] == pytest.approx(gathered)
