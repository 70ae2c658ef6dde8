#!/usr/bin/env bash
# All benchmarks at small sizes, one after another: about 20 minutes on 2 cores. One JSON and its tables, to compare with
# another commit by compare.py.
#   bash benchmarks/run_all.sh [FILE.json]
# A benchmark that fails is named at the end, and the exit code is 1; the others run all the same. TRL_PYTHON, the Python
# of an environment with TRL, adds TRL to hosts.py (a few minutes more).
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
results=${1:-outputs/benchmarks/$(date -u +%Y-%m-%dT%H-%M-%S).json}
if [[ -e $results ]]; then
  echo "$results exists; name another file" >&2
  exit 2
fi
failed=()

run() {
  printf '\n== %s\n' "$*"
  local start=$SECONDS
  "$python" "benchmarks/$1.py" "${@:2}" --json "$results" || failed+=("$1")
  echo "$((SECONDS - start)) s"
}

run advantages --sizes 512 2048 --rewards 3 --repeats 5
run gpu_advantages --sizes 512 --repeats 3
run driver_step --repeats 3
run rewards --repeats 3
run sandbox --programs 5 --repeats 2
run reward_workers --rollouts 128 --workers 2
run actor_update --repeats 2
run gpu_update --rows 8 --repeats 2
run cpu_rollout --models quickstart --repeats 2
run cpu_passes --passes 2 --layers 4 --repeats 1
run eval_throughput --sizes tiny --repeats 2
run check --rollouts 50000 --repeats 2
run steps_per_minute --steps 4 --prompts 4
run peers --sizes 512 2048 --repeats 3
run hosts --steps 4 --repeats 1 ${TRL_PYTHON:+--trl-python "$TRL_PYTHON"}

printf '\n'
"$python" benchmarks/compare.py "$results"
echo "$results"
if ((${#failed[@]})); then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
