"""TRL's trainer on the recorded batches of the contract: advantages, metrics and rows of the dump."""

import json
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

CASES = json.loads((Path(__file__).parents[1] / "contract.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['settings']['rewards'])} rewards")
def test_advantages_metrics_and_rows_are_those_of_the_contract(make_trainer, tmp_path, case):
    steps = case["steps"]
    rows = len(steps[0]["lengths"])
    scored = iter(step["scores"] for step in steps)

    def roll_out(prompts, trainer):
        lengths = steps[trainer.state.global_step]["lengths"]
        return {
            "prompt_ids": [[5, 6] for _ in prompts],
            "completion_ids": [[7] * length for length in lengths],
            "logprobs": [[0.0] * length for length in lengths],
        }

    trainer = make_trainer(
        case["settings"],
        lambda **_: next(scored),
        rollout_func=roll_out,
        per_device_train_batch_size=rows,
        max_steps=len(steps),
    )
    trainer.train()
    for number, step in enumerate(steps, 1):
        lines = (tmp_path / "run" / "rollouts" / f"{number}.jsonl").read_text().splitlines()
        dumped = [json.loads(line) for line in lines]
        columns = step["columns"] | {f"reward/{name}": values for name, values in step["scores"].items()}
        for name, values in columns.items():
            assert [row[name] for row in dumped] == pytest.approx(values, abs=1e-6), name
        logged = trainer.state.log_history[number - 1]
        assert {name: logged[name] for name in step["metrics"]} == pytest.approx(step["metrics"], abs=1e-6)
