#!/usr/bin/env bash
# Evidence from one GPU: a language model learns tool calling by TRL with GDPO, GRPO, GDPO floored, Hard, SNR and guard, as
# many seeds as fit into the hours. It asks nothing, and the same command goes on where it stopped.
#
#   bash scripts/gpu_evidence.sh [HOURS] [OUTPUT]      by default 1 hour into outputs/gpu
#
# MODEL     the model to start from: a folder, a name of `gd2po model list` or of a hub; by default smollm2-135m-instruct.
#           Where it can be fetched from nowhere, the tiny policy that is made from scratch takes its place.
# PYTHON    a Python that has torch, by default python3. Where TRL is missing, an environment above it gets TRL from the
#           package index, or from the folder of wheels WHEELS on a machine without one.
# METHODS, TASKS, SEEDS, STEPS   as for `gd2po lab runs`.
set -euo pipefail
cd "$(dirname "$0")/.."

hours=${1:-1} output=${2:-outputs/gpu} python=${PYTHON:-python3}
model=${MODEL:-smollm2-135m-instruct}
export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES-0}
export PYTHONPATH=$PWD/verl${PYTHONPATH:+:$PYTHONPATH} # gd2po itself needs no installation
gd2po() { "$python" -P -m gd2po.cli "$@"; }
has_trl() { "$python" -P -c 'import gd2po.hosts.trl.trainer' 2>/dev/null; }

if ! has_trl; then
  environment=.venv-gpu requirements=.venv-gpu/requirements.txt
  "$python" -m venv "$environment"
  "$python" -c 'import sys; print(*filter(None, sys.path[1:]), sep="\n")' >"$(echo "$environment"/lib/python3*/site-packages)/below.pth"
  python=$environment/bin/python
  "$python" -c 'import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*project["dependencies"], *project["optional-dependencies"]["trl"], "gguf>=0.10", sep="\n")' >"$requirements"
  if ! has_trl && ! { "$python" -m pip install --quiet ${WHEELS:+--no-index --find-links "$WHEELS"} -r "$requirements" && has_trl; }; then
    echo "TRL can be neither found nor installed here (see above). On a machine that reaches a package index:
  pip download --no-deps --dest wheels 'trl>=1.10,<1.17' and whatever else of $requirements is missing here;
then bring the folder to this machine, and set WHEELS=wheels" >&2
    exit 2
  fi
fi

if [[ $model != tiny && $model != */* && ! -d $model ]] && ! gd2po model get "$model"; then
  echo "$model can be fetched from nowhere (see above): a tiny policy from scratch is trained instead; MODEL=FOLDER names one" >&2
  model=tiny
fi
gd2po lab runs --host trl --model "$model" --hours "$hours" --output "$output" --seeds "${SEEDS:-100}" \
  --tasks "${TASKS:-tool-calling-3,tool-calling-2}" ${STEPS:+--steps "$STEPS"} \
  --methods "${METHODS:-gdpo,grpo,gdpo_floored,gd2po_hard,gd2po_snr0.8,gd2po_snr0.2,gd2po_guard}"
gd2po lab page "$output" --summary "$output/results.json" --document "$output/results.md"
echo "into docs/results.md: gd2po lab page $output docs/results.json --summary docs/results.json --document docs/results.md"
