#!/usr/bin/env bash
# Evaluate MODEL on the three levels of API-Bank, from whatever folder you are in: bash evaluate.sh MODEL [options]
#   MODEL    folder or hub name of a Hugging Face model, checkpoint of a run, or the name that a server (--base-url) gives it
#   options  those of `gd2po eval api-bank`
# Brings the data if it is not here, checks it, answers and scores, prints the table. After an interruption the same command
# goes on. Data, and outputs/eval with the results, lie at the top of the repository.
set -euo pipefail
[[ -n ${1:-} && $1 != -* ]] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
model=$1
if [[ -e $model ]]; then model=$(realpath "$model"); fi
shift
cd "$(dirname "$0")/.."
gd2po=$PWD/.venv/bin/gd2po
[[ -x $gd2po ]] || gd2po=$(command -v gd2po) || { echo "gd2po is not installed: bash scripts/setup.sh" >&2; exit 2; }

"$gd2po" data get api_bank # what is here already needs no network
"$gd2po" data verify api_bank
exec "$gd2po" eval api-bank --model "$model" "$@"
