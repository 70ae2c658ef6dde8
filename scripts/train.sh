#!/usr/bin/env bash
# Train MODEL on TASK with METHOD: bash scripts/train.sh tool-calling gd2po_hard /models/Qwen2.5-1.5B-Instruct [overrides]
#   TASK       tool-calling | safe-alignment | math-reasoning | coding; each has a door of its own, TASK/train.sh METHOD MODEL [overrides]
#   METHOD     grpo | gdpo | gd2po_hard | gd2po_snr, the files of verl/gd2po/configs/method
#   overrides  Hydra's: rewards=NAME of TASK/config/rewards, scale=cpu | 1gpu | 8gpu | multinode, run.seed=2, any key of
#              verl; --cfg job shows the result and starts nothing
# `--host trl` before TASK trains by TRL, from the same files (docs/trl.md); without it, by verl.
# Without a GPU the same trainer runs on CPU (small models only). Several nodes: scripts/cluster.sh.
set -euo pipefail
host=verl
if [[ ${1:-} == --host ]]; then host=${2:-} && shift 2; fi
[[ $# -ge 3 && $host =~ ^(verl|trl)$ ]] || { sed -n '2,8s/^# //p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
task=$1 method=$2 model=$3
shift 3

methods=$root/verl/gd2po/configs/method
[[ -f $root/$task/config/base.yaml && -f $methods/$method.yaml ]] || {
  echo "no task $task or no method $method; tasks: $(cd "$root" && dirname */config | xargs)," \
    "methods: $(basename -s .yaml "$methods"/*.yaml | xargs)" >&2
  exit 2
}
[[ $host == trl ]] && gd2po=$root/.venv-trl/bin/gd2po || gd2po=$root/.venv/bin/gd2po
[[ -x $gd2po ]] || gd2po=$(command -v gd2po) || { echo "gd2po is not installed: bash scripts/setup.sh" >&2; exit 2; }

exec "$gd2po" train --host "$host" --config-dir "$root/$task/config" --config-name base \
  "method=$method" "run.model=$(basename "$model")" "actor_rollout_ref.model.path=$model" "$@"
