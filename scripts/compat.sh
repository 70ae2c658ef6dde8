#!/usr/bin/env bash
# Does gd2po work with a released verl or TRL? bash scripts/compat.sh HOST VERSION, with HOST verl or trl.
# Makes an environment outside the repository, with a copy of gd2po that refuses no version; checks every symbol of the host
# that gd2po uses, and says which has changed and what it is used for; trains one step on CPU. A few minutes, up to 2 GB,
# which are removed at the end.
set -euo pipefail
host=${1:-} version=${2:-}
[[ $# == 2 && $host =~ ^(verl|trl)$ ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir source
git -C "$root" ls-files -z --cached --others --exclude-standard | (cd "$root" && xargs -0 cp --parents -t "$folder/source")
sed -i -E 's/^((VERL|TRL)_MINIMUM, (VERL|TRL)_BELOW) = .*/\1 = "0", "999"/' source/verl/gd2po/hosts/*/manifest.py \
  source/verl/gd2po/hosts/verl/door/manifest.py
python3=${PYTHON:-python3}
"$python3" -m venv fresh
export PATH=$folder/fresh/bin:$PATH OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
pip install --quiet --quiet --upgrade pip
echo "installing $host $version"
if [[ $host == verl ]]; then
  pip install --quiet --quiet --no-compile "./source[cpu]"
  pip install --quiet --quiet --no-compile --no-deps "verl==$version"
else
  echo "torch==2.13.0" >constraint.txt # the release with a CPU build, as in pyproject.toml
  pip install --quiet --quiet --no-compile --constraint constraint.txt ./source hydra-core requests "trl==$version"
fi
pip list 2>/dev/null | awk '$1 ~ /^(verl|trl|torch|transformers|ray|TransferQueue|accelerate)$/ { printf "%s %s  ", $1, $2 } END { print "" }'

gd2po doctor || { echo "$host $version: a symbol that gd2po uses has changed, see above" >&2; exit 1; }

cat >rewards.py <<'PYTHON'
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    return {"correctness": float(sum(map(str.isalpha, solution_str))), "length": -len(solution_str) / 2}
PYTHON
python -P - <<'PYTHON'
from pathlib import Path

from gd2po.data.tool_calling import prepare
from gd2po.quickstart.policy import PolicySize, make_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate

prepare(generate(16, 1), "prompts.parquet", split="train")
records = demonstrations(generate(50, 3), 1, fault_share=0.3, long_thought=(2, 16))
make_policy(records, Path("policy"), PolicySize(hidden=32, context=300), seed=1)
PYTHON
export VERL_PLATFORM=cpu HF_HUB_OFFLINE=1
[[ $host == verl ]] || export CUDA_VISIBLE_DEVICES= # Ray of verl on CPU would find a contradiction in it
gd2po train --host "$host" --config-dir source/tool-calling/config --config-name base method=gd2po_hard scale=cpu \
  run.model=tiny "actor_rollout_ref.model.path=$folder/policy" "data.train_files=$folder/prompts.parquet" \
  "data.val_files=$folder/prompts.parquet" data.max_prompt_length=200 data.max_response_length=16 \
  "reward.custom_reward_function.path=$folder/rewards.py" trainer.total_training_steps=1 trainer.save_freq=1 \
  trainer.val_before_train=false trainer.test_freq=-1 'trainer.logger=[console]' trainer.resume_mode=disable \
  "trainer.default_local_dir=$folder/run" >log.txt 2>&1 ||
  { tail -n 40 log.txt | cut -c 1-300; echo "$host $version: the training ended early, see above" >&2; exit 1; }
grep -a -o 'step 1 of 1 | .*' log.txt || { echo "$host $version: no line of a step in the log" >&2; exit 1; }
python -P - <<'PYTHON'
import json
from pathlib import Path

rows = [json.loads(line) for line in Path("run/rollouts/1.jsonl").read_text().splitlines()]
assert len(rows) == 32 and any(row["advantage"] for row in rows), rows[0]
PYTHON
echo "$host $version: works"
