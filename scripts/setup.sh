#!/usr/bin/env bash
# Make .venv with gd2po, verl's CPU path and the test tools; nothing to do when pyproject.toml has not changed since.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/installed-from-pyproject.toml
cmp -s pyproject.toml "$stamp" && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || {
  echo "$("$python" --version) found as '$python'; gd2po needs Python 3.11 or 3.12: PYTHON=python3.11 bash $0" >&2
  exit 1
}
echo "installing into .venv (about 2 GB, a few minutes)"
[[ -x .venv/bin/python ]] || "$python" -m venv .venv
.venv/bin/pip install --quiet --upgrade "pip>=25.1" # the first with dependency groups
.venv/bin/pip install --quiet --editable ".[cpu,math,coding]" --group dev
cp pyproject.toml "$stamp"
