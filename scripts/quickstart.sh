#!/usr/bin/env bash
# From a fresh clone to a trained policy on CPU. Arguments go to `gd2po quickstart` (--model, --methods, --steps, …).
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
exec .venv/bin/gd2po quickstart "$@"
