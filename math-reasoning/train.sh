#!/usr/bin/env bash
# Train on the task of this folder, from whatever folder you are in: bash train.sh METHOD MODEL [overrides].
# METHOD and overrides are those of scripts/train.sh at the top of the repository, where dataset/ and checkpoints/ lie too.
set -euo pipefail
task=$(cd "$(dirname "$0")" && pwd)
if [[ -e ${2:-} ]]; then set -- "$1" "$(realpath "$2")" "${@:3}"; fi # a folder, relative to where you are
cd "$task/.."
exec bash scripts/train.sh "$(basename "$task")" "$@"
