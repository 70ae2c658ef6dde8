#!/usr/bin/env bash
# Train over several nodes: the same line on every node, with the arguments of train.sh. Ray is started on all of them, and
# the first submits train.sh as a Ray job. It outlives the terminal: Ctrl-C or a lost connection only ends the display.
#   SLURM  srun --ntasks-per-node=1 bash scripts/cluster.sh tool-calling gd2po_snr /models/Qwen2.5-7B-Instruct [overrides]
#   SSH    NODES=node1,node2 NODE_RANK=0 bash scripts/cluster.sh …      and with NODE_RANK=1 on node2; node1 is the head
# Variables, ports and messages: docs/cluster.md.
set -euo pipefail
refuse() { echo "cluster.sh on $(hostname): $*" >&2; exit 2; }
answers() { timeout 5 bash -c "</dev/tcp/$1/$2" 2>/dev/null; }

[[ $# -ge 3 ]] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
[[ " $* " == *" scale="* ]] || set -- "$@" scale=multinode
root=$(cd "$(dirname "$0")/.." && pwd)
[[ ! -x $root/.venv/bin/gd2po ]] || PATH=$root/.venv/bin:$PATH
type gd2po ray >/dev/null 2>&1 || refuse "gd2po is not installed: bash scripts/setup.sh"

nodes=${NODES:-}
[[ -n $nodes || -z ${SLURM_JOB_NODELIST:-} ]] || nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | paste -sd,)
IFS=, read -ra names <<<"$nodes"
rank=${NODE_RANK:-${SLURM_NODEID:-}} count=${NNODES:-${#names[@]}} head=${HEAD_ADDR:-${names[0]:-}}
[[ $rank =~ ^[0-9]+$ && -n $head && $rank -lt $count ]] ||
  refuse "rank '$rank' of $count nodes, head '$head'; set NODES=node1,node2 on both, NODE_RANK=0 on node1 and 1 on node2"
name=${names[rank]:-$(hostname)}
gpus=${GPUS_PER_NODE:-${SLURM_GPUS_ON_NODE:-$(nvidia-smi --list-gpus 2>/dev/null | wc -l || true)}}
((gpus > 0)) || refuse "no GPU found; to try it without: VERL_PLATFORM=cpu GPUS_PER_NODE=1"

if [[ -z ${GD2PO_CLUSTER_LOG:-} ]]; then # run all this again where no terminal can end it, and show its output
  log=$PWD/outputs/cluster/$(date +%Y-%m-%d_%H-%M-%S)_$name.log
  mkdir -p "${log%/*}" && : >"$log"
  GD2PO_CLUSTER_LOG=$log setsid bash "$0" "$@" >"$log" 2>&1 </dev/null &
  trap 'echo "no longer shown; process $! goes on and writes to $log" >&2; exit 130' INT
  tail -n +1 -f --pid=$! "$log"
  wait $! # its exit code is ours
  exit
fi

port=${PORT:-6379} dashboard_port=${DASHBOARD_PORT:-8265} timeout=${JOIN_TIMEOUT:-600} ray_log=$GD2PO_CLUSTER_LOG.ray
dashboard=http://127.0.0.1:$dashboard_port
# A folder and an agent port of our own: no other program here joins this cluster, no other Ray here takes its job.
export RAY_AUTH_MODE=${RAY_AUTH_MODE:-token} RAY_TMPDIR=${RAY_TMPDIR:-/tmp/gd2po-$(id -un)}
options=(--block --node-name="$name" --temp-dir="$RAY_TMPDIR/ray" --dashboard-agent-listen-port=0)
[[ -z ${SLURM_CPUS_PER_TASK:-} ]] || options+=(--num-cpus="$SLURM_CPUS_PER_TASK")
[[ ${VERL_PLATFORM:-} != cpu ]] || options+=(--num-gpus="$gpus")
# shellcheck disable=SC2206  # several words
options+=(${RAY_START_OPTIONS:-})

join() {
  echo "$name waits for the head, $head:$port"
  until answers "$head" "$port"; do
    ((SECONDS < timeout)) || refuse "nothing answers at $head:$port after $SECONDS s: is cluster.sh running there with" \
      "NODE_RANK=0, is '$head' its name ($(getent hosts "$head" || echo 'unknown here')), is the port open?"
    sleep 2
  done
  echo "$name joins; Ray writes to $ray_log"
  ray start --address="$head:$port" "${options[@]}" >"$ray_log" 2>&1 || true # it ends with the head, never well
  ! answers "$head" "$port" || { tail -n 20 "$ray_log"; refuse "Ray has ended here, but not on the head"; }
  echo "the head has ended, and Ray on $name with it"
}

lead() {
  for address in "$head:$port" "127.0.0.1:$dashboard_port"; do
    ! answers "${address%:*}" "${address##*:}" ||
      refuse "$address is in use, perhaps by another Ray; choose PORT=… (the same on all nodes) or DASHBOARD_PORT=…"
  done
  [[ $RAY_AUTH_MODE != token ]] || ray get-auth-token --generate >/dev/null 2>&1 || refuse "this Ray makes no token"
  ray start --head --port="$port" --dashboard-port="$dashboard_port" "${options[@]}" >"$ray_log" 2>&1 &
  ray=$!
  trap 'kill $ray 2>/dev/null && wait $ray || true' EXIT
  gd2po cluster wait --nodes="$count" --gpus-per-node="$gpus" --names="$nodes" --timeout="$timeout" --process=$ray \
    --dashboard="$dashboard" || { kill -0 $ray 2>/dev/null || tail -n 20 "$ray_log"; exit 2; }
  job=$(gd2po cluster submit --dashboard="$dashboard" -- bash "$root/scripts/train.sh" "$@" \
    trainer.nnodes="$count" trainer.n_gpus_per_node="$gpus")
  echo "job $job runs whether you watch or not. On $name:"
  printf '  %-6s  %s\n' export "RAY_AUTH_MODE=$RAY_AUTH_MODE RAY_API_SERVER_ADDRESS=$dashboard" \
    follow "ray job logs --follow $job" status "ray job status $job" stop "ray job stop $job"
  gd2po cluster follow --dashboard="$dashboard" "$job"
}

if ((rank > 0)); then join; else lead "$@"; fi
