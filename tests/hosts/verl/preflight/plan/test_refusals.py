"""gd2po plan and gd2po doctor refuse what the trainer refuses: one message, exit code 2."""

import pytest
from typer.testing import CliRunner

from gd2po.cli import app

FUNCTION = "def good(data_source, solution_str, ground_truth, extra_info=None): return {}\n"


@pytest.fixture
def refused(tmp_path, model_folder):
    """What a command says about a run with these overrides, with a reward file of this text."""

    def run(command: str, *overrides: str, text: str = FUNCTION) -> str:
        file = tmp_path / "rew.py"
        file.write_text(text)
        key = "reward.custom_reward_function"
        function = [f"{key}.path={file}", f"{key}.name=good"]
        shown = CliRunner().invoke(
            app, [command, "tool-calling", "gd2po_hard", str(model_folder()), *function, *overrides]
        )
        assert shown.exit_code == 2 and "Traceback" not in shown.output, shown.output
        assert shown.exception is None or isinstance(shown.exception, SystemExit)
        return shown.output

    return run


@pytest.mark.parametrize(
    ("overrides", "text", "said"),
    [
        (["custom_reward_function.path=rew.py"], FUNCTION, "write reward.custom_reward_function.path=rew.py"),
        (["reward.custom_reward_function.name=god"], FUNCTION, "Did you mean 'good'?"),
        ([], "def good(:", "rew.py:1"),
        ([], "import no_such_module", "No module named 'no_such_module'"),
        ([], "def good(x): return x", "Write def good(data_source, solution_str, ground_truth, extra_info=None"),
        (["actor_rollout_ref.rollout.n='4'"], FUNCTION, "write actor_rollout_ref.rollout.n=4, without quotes"),
        (["algorithm.gd2po.rewards.length=1.0"], FUNCTION, "length: {weight: 1.0}"),
        (["actor_rollout_ref.actor=5"], FUNCTION, "actor"),
        (["trainer.use_v1=false", "algorithm.filter_groups.enable=true"], FUNCTION, "V0 trainer has no group filter"),
    ],
)
def test_plan_refuses_in_one_message(refused, overrides, text, said):
    assert said in refused("plan", *overrides, text=text)


def test_so_does_the_doctor(refused):
    assert "Did you mean 'good'?" in refused("doctor", "reward.custom_reward_function.name=god")
    assert "without quotes" in refused("doctor", "actor_rollout_ref.rollout.n='4'")
    assert "actor" in refused("doctor", "actor_rollout_ref.actor=5")


@pytest.mark.parametrize(
    "text",
    ["a: [", "- 1\n- 2", "text", "actor_rollout_ref: 5", "actor_rollout_ref: {}", "", "actor_rollout_ref: {a: '${b}'}"],
)
@pytest.mark.parametrize("command", ["plan", "doctor"])
def test_a_file_that_is_no_configuration_is_a_message(tmp_path, command, text):
    file = tmp_path / "run.yaml"
    file.write_text(text)
    shown = CliRunner().invoke(app, [command, str(file)])
    assert shown.exit_code == 2 and isinstance(shown.exception, SystemExit), shown.exception


def test_a_file_in_another_encoding_is_a_message(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_bytes("actor_rollout_ref: é".encode("utf-16"))
    assert CliRunner().invoke(app, ["plan", str(file)]).exit_code == 2
