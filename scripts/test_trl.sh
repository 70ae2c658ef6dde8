#!/usr/bin/env bash
# The tests of TRL's door in an environment of its own, without verl: `bash scripts/test_trl.sh 1.10.0`. Without a version:
# the newest TRL that is supported. Arguments after it go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-}
(($# == 0)) || shift
environment=.venv-trl${version:+-$version}
stamp=$environment/installed-from
if ! cmp -s <(cat pyproject.toml scripts/test_trl.sh) "$stamp"; then
  [[ -x $environment/bin/python ]] || "${PYTHON:-python3}" -m venv "$environment"
  constraint=$environment/constraint.txt
  echo "torch==2.13.0" >"$constraint" # the release with a CPU build, as in pyproject.toml
  [[ -z $version ]] || echo "trl==$version" >>"$constraint"
  "$environment/bin/pip" install --quiet --constraint "$constraint" --editable ".[trl,report,math,coding]" \
    hypothesis peft pytest pytest-timeout
  cat pyproject.toml scripts/test_trl.sh >"$stamp"
fi
export OMP_NUM_THREADS=1
(($# > 0)) || set -- tests/hosts/trl tests/lab/test_by_trl.py
exec "$environment/bin/python" -P -m pytest --confcutdir=tests/hosts/trl "$@"
