"""The doors of the tasks, train.sh and the published scripts: each comes down to the arguments of scripts/train.sh."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
TASKS = sorted(path.parent.parent.name for path in ROOT.glob("*/config/base.yaml"))
DOORS = [ROOT / task / "train.sh" for task in TASKS]
TOOL_SCRIPTS = sorted((ROOT / "tool-calling/scripts").glob("*/train_*.sh"))
SAFE_SCRIPTS = sorted((ROOT / "safe-alignment/scripts").glob("run_*.sh"))
MODELS = {"POLICY_MODEL_PATH": "/models/policy", "RM_MODEL_PATH": "/models/rm", "CM_MODEL_PATH": "/models/cm"}
PAIR = ["algorithm.gd2po.rewards.useful.model.path=/models/rm"]
PAIR += ["algorithm.gd2po.rewards.harmless.model.path=/models/cm"]
OPTIONS = {"N_GPUS", "ROLLOUT_TP_SIZE", "SNR_THRESHOLD", "TRAIN_DATA", "VAL_DATA", "OUTPUT_DIR", "EXP_NAME", *MODELS}


def call(script: Path, *arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in OPTIONS} | variables
    command = ["bash", str(script), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, in which the command ``gd2po`` prints its arguments, one a line, and does nothing else."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("scripts", "verl", "API_Bank", *TASKS):
        (root / name).symlink_to(ROOT / name)
    command = root / ".venv" / "bin" / "gd2po"
    command.parent.mkdir(parents=True)
    command.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$PWD" "$@"\n')
    command.chmod(0o755)
    return root


def handed_on(checkout: Path, script: str, *arguments: str, folder: str = ".", **variables: str) -> list[str]:
    """The arguments that ``gd2po`` gets from a script that is called in a folder of the checkout."""
    done = call(checkout / folder / script, *arguments, folder=checkout / folder, **variables)
    assert done.returncode == 0, done.stderr
    where, *shown = done.stdout.splitlines()
    assert where == str(checkout)  # where the data and the checkpoints are
    return shown


def test_each_task_has_the_same_door() -> None:
    assert len(DOORS) >= 2
    assert len({path.read_text() for path in DOORS}) == 1


@pytest.mark.parametrize("task", TASKS)
def test_a_door_is_the_common_launcher(task: str, checkout: Path) -> None:
    chosen = ["gdpo", "/models/Tiny", "scale=1gpu", "--cfg", "job"]
    expected = handed_on(checkout, "scripts/train.sh", task, *chosen)
    assert handed_on(checkout, "train.sh", *chosen, folder=task) == expected
    assert handed_on(checkout, f"{task}/train.sh", *chosen) == expected


def test_a_model_may_be_named_from_where_the_user_is(checkout: Path) -> None:
    (checkout / "scratch" / "tiny").mkdir(parents=True)
    shown = handed_on(checkout, "../tool-calling/train.sh", "gdpo", "tiny", folder="scratch")
    assert f"actor_rollout_ref.model.path={checkout.resolve()}/scratch/tiny" in shown


@pytest.mark.parametrize("door", DOORS, ids=lambda path: path.parent.name)
def test_a_door_without_arguments_explains_itself(door: Path, tmp_path: Path) -> None:
    done = call(door, folder=tmp_path)
    assert done.returncode == 2 and "METHOD     grpo | gdpo" in done.stderr


def test_every_published_script_is_there_and_short() -> None:
    sets = ["correctness_length", "correctness_length_format"]
    methods = ["gd2po_hard", "gd2po_snr", "gdpo"]
    assert [(path.parent.name, path.stem) for path in TOOL_SCRIPTS] == [
        (rewards, f"train_{method}") for rewards in sets for method in methods
    ]
    assert [path.stem for path in SAFE_SCRIPTS] == [f"run_{method}" for method in methods]
    assert {len(path.read_text().splitlines()) for path in (*TOOL_SCRIPTS, *SAFE_SCRIPTS)} == {2}


@pytest.mark.parametrize("script", TOOL_SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_published_tool_calling(script: Path, checkout: Path) -> None:
    method, rewards = script.stem.removeprefix("train_"), script.parent.name
    inside = {"script": f"scripts/{rewards}/{script.name}", "folder": "tool-calling"}
    expected = handed_on(checkout, "scripts/train.sh", "tool-calling", method, "/models/Tiny", f"rewards={rewards}")
    assert handed_on(checkout, inside["script"], "/models/Tiny", folder=inside["folder"]) == expected
    more = handed_on(
        checkout, inside["script"], "/models/Tiny", "qwen", "run.seed=2", folder=inside["folder"], N_GPUS="4"
    )
    assert more == [*expected, "trainer.n_gpus_per_node=4", "run.seed=2"]


def test_published_snr_takes_its_threshold_behind_the_model(checkout: Path) -> None:
    script = "scripts/correctness_length/train_gd2po_snr.sh"
    shown = handed_on(checkout, script, "/models/Tiny", "0.5", "llama", "--cfg", "job", folder="tool-calling")
    assert shown[-4:] == ["rewards=correctness_length", "algorithm.gd2po.filter.threshold=0.5", "--cfg", "job"]


@pytest.mark.parametrize("script", SAFE_SCRIPTS, ids=lambda path: path.stem)
def test_published_safe_alignment(script: Path, checkout: Path) -> None:
    method = script.stem.removeprefix("run_")
    chosen = ["safe-alignment", method, "/models/policy", "rewards=useful_harmless", *PAIR]
    expected = handed_on(checkout, "scripts/train.sh", *chosen)
    assert handed_on(checkout, f"scripts/{script.name}", folder="safe-alignment", **MODELS) == expected


def test_published_options_of_safe_alignment(checkout: Path) -> None:
    options = {"SNR_THRESHOLD": "0.5", "N_GPUS": "4", "EXP_NAME": "mine", "OUTPUT_DIR": "/runs"}
    shown = handed_on(checkout, "scripts/run_gd2po_snr.sh", "run.seed=2", folder="safe-alignment", **MODELS, **options)
    expected = ["algorithm.gd2po.filter.threshold=0.5", "trainer.n_gpus_per_node=4", "trainer.experiment_name=mine"]
    folder = "trainer.default_local_dir=/runs/checkpoints/${trainer.experiment_name}"
    assert shown[-5:] == [*expected, folder, "run.seed=2"]
    hard = handed_on(checkout, "scripts/run_gd2po_hard.sh", folder="safe-alignment", **MODELS, SNR_THRESHOLD="0.5")
    assert hard[-1] == PAIR[-1]  # a filter without a threshold gets none


def test_published_evaluation_of_safe_alignment(checkout: Path) -> None:
    shown = handed_on(
        checkout, "scripts/eval.sh", "--limit", "3", folder="safe-alignment", **MODELS, OUTPUT_DIR="/runs"
    )
    rewards = "safe-alignment/config/rewards/useful_harmless.yaml"
    models = ["--reward-path", "useful=/models/rm", "--reward-path", "harmless=/models/cm"]
    expected = ["--model", "/models/policy", "--rewards", rewards, *models, "--output", "/runs/eval/eval"]
    assert shown == ["eval", "safety", *expected, "--limit", "3"]
    assert (checkout / rewards).is_file()


@pytest.mark.parametrize("missing", MODELS)
def test_a_missing_variable_is_one_line(missing: str, tmp_path: Path) -> None:
    others = {name: value for name, value in MODELS.items() if name != missing}
    done = call(SAFE_SCRIPTS[0], folder=tmp_path, **others)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"{missing} is not set") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", TOOL_SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_missing_model_is_one_line(script: Path, tmp_path: Path) -> None:
    done = call(script, folder=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"no model is named; expected: bash {script.name} /path/to/model [overrides]\n"


def test_the_evaluation_brings_checks_and_scores(checkout: Path) -> None:
    shown = handed_on(checkout, "evaluate.sh", "tiny", "--limit", "3", folder="API_Bank")
    commands = [line for line in shown if line != str(checkout)]
    assert commands == [
        *("data", "get", "api_bank"),
        *("data", "verify", "api_bank"),
        *("eval", "api-bank", "--model", "tiny", "--limit", "3"),
    ]
    published = handed_on(checkout, "scripts/eval_api_bank.sh", "a/tiny", "/out", folder="tool-calling")
    assert published[-4:] == ["--model", "a/tiny", "--output", "/out/tiny"]


@pytest.mark.parametrize("arguments", [(), ("--limit", "3")])
def test_the_evaluation_without_a_model_explains_itself(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = call(ROOT / "API_Bank" / "evaluate.sh", *arguments, folder=tmp_path)
    assert done.returncode == 2 and "MODEL    folder or hub name" in done.stderr


@pytest.mark.e2e
@pytest.mark.skipif(find_spec("ray") is None, reason="verl's trainer is not installed")
@pytest.mark.parametrize("task", ["safe-alignment", "tool-calling"])
def test_a_published_script_composes_the_configuration_of_its_method(task: str) -> None:
    common = ["gd2po_snr", "/models/policy"]
    if task == "tool-calling":
        published = ["scripts/correctness_length_format/train_gd2po_snr.sh", "/models/policy"]
        common += ["rewards=correctness_length_format"]
    else:
        published = ["scripts/run_gd2po_snr.sh"]
        common += ["rewards=useful_harmless", *PAIR]
    first = call(ROOT / task / published[0], *published[1:], "--cfg", "job", folder=ROOT / task, **MODELS)
    second = call(ROOT / "scripts" / "train.sh", task, *common, "--cfg", "job", folder=ROOT)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert OmegaConf.create(first.stdout) == OmegaConf.create(second.stdout)
