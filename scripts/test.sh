#!/usr/bin/env bash
# Lint, types and the whole test suite: unit tests on all cores, those of the TRL door in an environment of its own, then
# the end-to-end tests by two workers. Shows the 20 slowest tests of each and the time of all. Arguments go to pytest instead: `bash scripts/test.sh -n auto -m "not e2e"`.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
.venv/bin/ruff check
.venv/bin/ruff format --check
.venv/bin/mypy
export OMP_NUM_THREADS=1                      # there is a worker for each core
unset PYTHONDONTWRITEBYTECODE                 # every training imports our modules ten times
pytest=(.venv/bin/python -P -m pytest --durations=20)
(($# == 0)) || exec "${pytest[@]}" "$@"
trap 'echo "all of it: $((SECONDS / 60)) min $((SECONDS % 60)) s"' EXIT
"${pytest[@]}" -n auto -m "not e2e"
bash scripts/test_trl.sh
"${pytest[@]}" -n 2 --dist loadfile --no-loadscope-reorder -m e2e
