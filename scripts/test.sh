#!/usr/bin/env bash
# Lint, types and the whole test suite. Arguments go to pytest: `bash scripts/test.sh -m "not e2e"` takes a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
.venv/bin/ruff check
.venv/bin/ruff format --check
.venv/bin/mypy
exec .venv/bin/python -P -m pytest "$@"
