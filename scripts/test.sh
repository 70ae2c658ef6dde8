#!/usr/bin/env bash
# Lint, types and the whole test suite: unit tests on all cores, then the end-to-end runs one by one. Arguments go to
# pytest instead: `bash scripts/test.sh -n auto -m "not e2e"` takes one to two minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
.venv/bin/ruff check
.venv/bin/ruff format --check
.venv/bin/mypy
pytest=(.venv/bin/python -P -m pytest)
(($# == 0)) || exec "${pytest[@]}" "$@"
OMP_NUM_THREADS=1 "${pytest[@]}" -n auto -m "not e2e"  # there is a worker for each core
exec "${pytest[@]}" -m e2e
