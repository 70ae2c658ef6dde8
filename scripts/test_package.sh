#!/usr/bin/env bash
# The package as a user gets it: build it, install the wheel into a fresh environment outside the repository, look for the
# plug-in in an unmodified verl, train one step there, and resolve the extras for GPUs (nothing of them is installed).
# VERL=0.9.0 does it with another verl. Takes about 8 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python -P -m build --no-isolation --outdir "$folder" . >"$folder/build.log" || { cat "$folder/build.log"; exit 1; }
wheel=$(echo "$folder"/gd2po-*.whl)

cd "$folder"
echo "installing $(basename "$wheel")[cpu] into a fresh environment"
"${PYTHON:-python3}" -m venv fresh
fresh/bin/pip install --quiet --upgrade pip  # 23.2, of Python 3.11.7, does not find the cuda-toolkit that torch asks for
fresh/bin/pip install --quiet "$wheel[cpu]"
[[ -z ${VERL:-} ]] || fresh/bin/pip install --quiet --no-deps "verl==$VERL"
fresh/bin/gd2po doctor
fresh/bin/gd2po quickstart --model tiny --methods gd2po_hard --steps 1 --output "$folder/quickstart"

for extra in vllm sglang eval report; do
  fresh/bin/pip install --quiet --dry-run --ignore-installed --report "$extra.json" "$wheel[$extra]"
  fresh/bin/python - "$extra" <<'PYTHON'
import json, sys
named = {"verl", "torch", "vllm", "sglang", "transformers"}
found = {row["metadata"]["name"]: row["metadata"]["version"] for row in json.load(open(f"{sys.argv[1]}.json"))["install"]}
print(f"gd2po[{sys.argv[1]}]:", ", ".join(f"{name} {found[name]}" for name in sorted(named & found.keys())))
PYTHON
done
