#!/usr/bin/env bash
# The published evaluation script: eval_api_bank.sh MODEL OUTPUT [options]. Results: OUTPUT/<name of the model>.
set -euo pipefail
[[ -n ${2:-} ]] || { echo "expected: bash eval_api_bank.sh /path/to/checkpoint /path/to/output [options]" >&2; exit 2; }
exec bash "$(dirname "$0")/../../API_Bank/evaluate.sh" "$1" --output "$(realpath -m "$2")/$(basename "$1")" "${@:3}"
