#!/usr/bin/env bash
# The variables of the published scripts, as arguments of train.sh and `gd2po eval safety`. The scripts beside this file call it:
#   published.sh METHOD [overrides]      or      published.sh eval [options]
# Needed: POLICY_MODEL_PATH, RM_MODEL_PATH and CM_MODEL_PATH, both reward models converted by `gd2po convert-reward-model`.
# As published there may be SNR_THRESHOLD, TRAIN_DATA, VAL_DATA, N_GPUS, ROLLOUT_TP_SIZE, OUTPUT_DIR and EXP_NAME.
set -euo pipefail
method=$1
shift

needed() { # the value of variable $1, absolute if it is a path here
  [[ -n ${!1:-} ]] || { echo "$1 is not set; POLICY_MODEL_PATH, RM_MODEL_PATH and CM_MODEL_PATH are needed" >&2; exit 2; }
  if [[ -e ${!1} ]]; then realpath "${!1}"; else echo "${!1}"; fi
}
given() { # override key $2 by variable $1, if it is set
  [[ -z ${!1:-} ]] || overrides+=("$2=${!1}")
}

policy=$(needed POLICY_MODEL_PATH)
useful=$(needed RM_MODEL_PATH)
harmless=$(needed CM_MODEL_PATH)
task=$(cd "$(dirname "$0")/.." && pwd)
output=${OUTPUT_DIR:+$(realpath -m "$OUTPUT_DIR")}

if [[ $method == eval ]]; then
  cd "$task/.."
  gd2po=$PWD/.venv/bin/gd2po
  [[ -x $gd2po ]] || gd2po=$(command -v gd2po) || { echo "gd2po is not installed: bash scripts/setup.sh" >&2; exit 2; }
  exec "$gd2po" eval safety --model "$policy" --rewards safe-alignment/config/rewards/useful_harmless.yaml \
    --reward-path "useful=$useful" --reward-path "harmless=$harmless" \
    ${output:+--output "$output/eval/${EXP_NAME:-eval}"} "$@"
fi

overrides=(rewards=useful_harmless)
overrides+=("algorithm.gd2po.rewards.useful.model.path=$useful" "algorithm.gd2po.rewards.harmless.model.path=$harmless")
[[ $method != gd2po_snr ]] || given SNR_THRESHOLD algorithm.gd2po.filter.threshold
given TRAIN_DATA data.train_files
given VAL_DATA data.val_files
given N_GPUS trainer.n_gpus_per_node
given ROLLOUT_TP_SIZE actor_rollout_ref.rollout.tensor_model_parallel_size
given EXP_NAME trainer.experiment_name
# shellcheck disable=SC2016  # the name is filled in by Hydra
[[ -z $output ]] || overrides+=("trainer.default_local_dir=$output"'/checkpoints/${trainer.experiment_name}')
exec bash "$task/train.sh" "$method" "$policy" "${overrides[@]}" "$@"
