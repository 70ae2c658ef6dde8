"""The lines for TRL in the README, run as they are written, with a tiny policy in the place of the named one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.e2e
def test_the_lines_of_the_readme_train(policy, tmp_path):
    section = README.read_text(encoding="utf-8").split("## In TRL\n")[1]
    (program,) = re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    assert len([text for text in program.splitlines() if text and not text.startswith(("from", "import"))]) <= 10
    (name,) = re.findall(r'Trainer\("([^"]+)"', program)
    shutil.copytree(policy, tmp_path / name)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "step 20 of 20 | words " in done.stdout
