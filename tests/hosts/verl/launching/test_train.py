"""gd2po train ends in one line and exit code 2 where it or verl refuses the configuration."""

import pytest

PROGRAM = """from gd2po.cli import app; from typer.testing import CliRunner
result = CliRunner().invoke(app, ["train", *{!r}]); print(result.exit_code, result.output)
"""
OURS = [
    *("algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards={a: {}, b: {}}"),
    *("actor_rollout_ref.rollout.n=4", "trainer.device=cpu"),
]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.train_batch_size=2", "actor_rollout_ref.actor.ppo_mini_batch_size=64"], "verl refuses: "),
        (["actor_rollout_ref.actor.ppo_micro_batch_size=2"], "verl refuses: "),
        (["actor_rollout_ref.rollout.n='4'"], "write actor_rollout_ref.rollout.n=4, without quotes"),
        (["custom_reward_function.path=rew.py"], "write reward.custom_reward_function.path=rew.py"),
        (["actor_rollout_ref.actor=5"], "actor_rollout_ref.actor is 5 (int); expected the block of settings"),
        (["data.nope=3"], "the configuration has no key data.nope. To add it as a new key, write '+data.nope=3'"),
    ],
)
def test_a_refusal_is_one_message(in_a_fresh_process, tmp_path, overrides, said):
    function = tmp_path / "rew.py"
    function.write_text("def compute_score(**kwargs): return {'a': 1.0, 'b': 1.0}")
    run = [*OURS, f"reward.custom_reward_function.path={function}", f"hydra.run.dir={tmp_path}", *overrides]
    code, *words = in_a_fresh_process(PROGRAM.format(run))
    text = " ".join(words)
    assert code == "2" and said in text and "Traceback" not in text, text
