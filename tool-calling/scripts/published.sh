#!/usr/bin/env bash
# The arguments of the published training scripts, as arguments of train.sh. The scripts beside this file call it:
#   published.sh METHOD REWARDS MODEL [TAU] [qwen | llama] [overrides]
# TAU is the threshold of gd2po_snr. The model family is accepted and not needed: answers of both are read alike.
# Variables, as published: N_GPUS, ROLLOUT_TP_SIZE.
set -euo pipefail
[[ -n ${3:-} ]] || { echo "no model is named; expected: bash train_$1.sh /path/to/model [overrides]" >&2; exit 2; }
method=$1 rewards=$2 model=$3
shift 3
overrides=("rewards=$rewards")
if [[ $method == gd2po_snr && ${1:-} =~ ^[0-9.]+$ ]]; then overrides+=("algorithm.gd2po.filter.threshold=$1") && shift; fi
if [[ ${1:-} == qwen || ${1:-} == llama ]]; then shift; fi
[[ -z ${N_GPUS:-} ]] || overrides+=("trainer.n_gpus_per_node=$N_GPUS")
[[ -z ${ROLLOUT_TP_SIZE:-} ]] || overrides+=("actor_rollout_ref.rollout.tensor_model_parallel_size=$ROLLOUT_TP_SIZE")
exec bash "$(dirname "$0")/../train.sh" "$method" "$model" "${overrides[@]}" "$@"
