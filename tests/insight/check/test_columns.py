"""Rewards are found by evidence, what was guessed is said, and what is not sure is asked."""

import json
import random
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.examine import examine
from gd2po.insight.check.reading import read
from gd2po.insight.check.reading.names import reason_against, sign_of

SEED = 5


@pytest.fixture
def rollouts(write_lines):
    """Reads 32 rollouts of 8 prompts with the rewards correct and brief, and other columns by a function of the row."""

    def read_rows(*names, choice=None, drop=(), **columns):
        generator = random.Random(SEED)
        rows = []
        for row in range(32):
            cells = {"prompt_id": f"p{row // 4}", "correct": row % 2, "brief": generator.random()}
            cells |= {name: make(row) for name, make in columns.items()}
            rows.append({name: cell for name, cell in cells.items() if name not in drop})
        return read([str(write_lines(rows, *names))], choice or Choice())

    return read_rows


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("Unnamed: 0", lambda row: row, "an id or index"),
        ("sampleIdx", lambda row: row % 4, "an id or index"),
        ("gold_parsed", lambda row: row // 4, "a truth"),
        ("gts", lambda row: str(row // 4), "a truth"),
        ("latency_ms", lambda row: row * 1.7, "a time"),
        ("num_turns", lambda row: row % 3, "a count"),
        ("score", lambda row: row % 5 / 7, "a total or mean"),
        ("reward_std", lambda row: row % 5 / 7, "a total or mean"),
        ("advantage", lambda row: row % 5 / 7, "a quantity of the training"),
        ("confidence", lambda row: row % 5 / 7, "not that of a reward"),
        ("other", lambda row: row // 4 / 7, "the same for all rollouts of a prompt"),
        ("quality", lambda row: row * 3, "an index"),
    ],
)
def test_columns_that_are_no_rewards_are_left_out_with_the_reason(rollouts, name, make, reason):
    result = rollouts(**{name: make})
    assert result.names == ("correct", "brief")
    assert result.account.not_taken == (name,)
    guess, left_out = result.account.notes
    assert guess.endswith("--scores correct,brief")
    assert name in left_out and reason in left_out


def test_sums_and_means_of_others_are_left_out(rollouts):
    generator = random.Random(SEED)
    brief = [generator.random() for _ in range(32)]
    result = rollouts(
        quality=lambda row: row % 2 + brief[row],
        style=lambda row: (row % 2 + brief[row]) / 2,
    )
    assert result.names == ("correct", "brief")
    assert "the sum of correct, brief" in result.account.notes[1]
    assert "the mean of correct, brief" in result.account.notes[1]


def test_what_is_not_sure_is_asked(rollouts):
    with pytest.raises(CheckError, match=r"it is not sure .*alpha may be counts or ids.*--scores"):
        rollouts(drop=("correct",), alpha=lambda row: row * 37 % 11 * 100)
    with pytest.raises(
        CheckError, match=r"1 of the columns is a reward \(brief\).*correct \(holds text such as 'half'\)"
    ):
        rollouts(correct=lambda row: "half")


@pytest.mark.parametrize(
    ("cells", "scores", "note"),
    [
        (("85%", "10 %"), (0.85, 0.1), "50% is read as 0.5: correct"),
        (("7/10", "0/10"), (0.7, 0.0), "7/10 is read as 0.7: correct"),
        (("2/3", "1/4"), (2 / 3, 0.25), "7/10 is read as 0.7: correct"),
        (("yes", "No"), (1, 0), "yes is read as 1 and no as 0: correct"),
        (("Passed", "failed"), (1, 0), "pass is read as 1 and fail as 0: correct"),
        (("correct", "wrong"), (1, 0), "correct is read as 1 and incorrect as 0: correct"),
    ],
)
def test_scores_in_other_notations_are_read_and_said(rollouts, cells, scores, note):
    result = rollouts(correct=lambda row: cells[row % 2])
    assert result.scores[0].tolist() == pytest.approx([scores[row % 2] for row in range(32)])
    assert note in result.account.notes


@pytest.mark.parametrize(
    "cells", [("yes", "maybe"), ("yes", "fail"), ("7/10", "12/10"), ("85%", "0.5"), ("3/4", "1"), ("1/0", "0/0")]
)
def test_a_column_of_several_notations_is_shown_and_not_guessed(rollouts, cells):
    with pytest.raises(CheckError, match=r"correct \(holds text such as|correct is '"):
        rollouts(correct=lambda row: cells[row % 2])


def test_a_column_whose_name_says_no_reward_keeps_its_text(rollouts):
    assert rollouts(day=lambda row: f"{row % 12}/12").names == ("correct", "brief")


def test_percent_is_read_wherever_it_stands_in_a_named_column(rollouts):
    named = Choice(scores=("correct", "brief"))
    result = rollouts(correct=lambda row: ("50%", "0.25")[row % 2], choice=named)
    assert sorted({*result.scores[0].tolist()}) == [0.25, 0.5]


def test_a_plain_number_among_per_cent_is_a_bad_row(write_lines):
    rows = [{"prompt_id": f"p{row // 4}", "correct": f"{row % 3}0%", "brief": row * 7 % 11 / 11} for row in range(9000)]
    rows[4000]["correct"] = 85  # between the rows of the sample
    result = read([str(write_lines(rows))], Choice())
    assert result.account.bad == 1
    assert "correct is '85, while in other rows 50% is read as 0.5'" in result.account.bad_examples[0]


def test_one_reward_on_two_scales_is_refused(write_lines):
    rows = [{"prompt_id": f"p{row // 4}", "correct": row % 2, "brief": row * 7 % 11 / 11} for row in range(32)]
    percent = [row | {"correct": f"{100 * row['correct']}%"} for row in rows]
    files = [str(write_lines(rows, "a.jsonl")), str(write_lines(percent, "b.jsonl"))]
    with pytest.raises(CheckError, match=r"correct is written on different scales: .*b.jsonl \(50% is read as 0.5\)"):
        read(files, Choice())


@pytest.mark.parametrize("labels", [("Total",), ("Mean", "Grand total:"), ("std", "25%", "max")])
@pytest.mark.parametrize("column", ["prompt_id", "", "name"])
def test_rows_that_sum_up_the_others_are_left_out_and_said(tmp_path, labels, column):
    header = list(dict.fromkeys([column, "prompt_id", "correct", "brief"]))
    rows = [
        {column: str(row), "prompt_id": str(row // 4), "correct": row % 2, "brief": row * 7 % 11 / 11}
        for row in range(32)
    ]
    rows += [{"prompt_id": "3.875", column: label, "correct": 16, "brief": 0.5} for label in labels]
    lines = [",".join(str(row[name]) for name in header) for row in rows]
    file = tmp_path / "table.csv"
    file.write_text("\n".join([",".join(header), *lines]))
    result = read([str(file)], Choice())
    assert (result.count, result.group_count, result.account.bad) == (32, 8, 0)
    assert result.account.rows == 32 + len(labels)
    (note,) = [note for note in result.account.notes if "sum up the others" in note]
    assert all(label in note for label in labels)


def test_a_prompt_called_total_with_several_rollouts_is_a_prompt(rollouts):
    assert rollouts(prompt_id=lambda row: "Total" if row >= 28 else f"p{row // 4}").group_count == 8


def test_a_product_of_others_is_left_out_with_the_reason(rollouts):
    generator = random.Random(SEED)
    brief = [generator.random() for _ in range(32)]
    result = rollouts(quality=lambda row: row % 2 * brief[row], style=lambda row: row % 3 / 2)
    assert result.names == ("correct", "brief", "style")
    assert "quality (the product of correct, brief)" in result.account.notes[1]


def test_a_product_whose_signs_differ_is_asked(rollouts):
    signs = random.Random(SEED).choices((-1, 1), k=64)
    with pytest.raises(
        CheckError, match="may be a total or product of others: correct is the product of safety, style"
    ):
        rollouts(
            correct=lambda row: signs[row] * signs[row + 32],
            safety=lambda row: signs[row],
            style=lambda row: signs[row + 32],
        )


@pytest.mark.parametrize(
    "form", ["{}", "np.float64({})", "tensor({}.)", "tensor({}., device='cuda:0')", "[{}]", " {}.0 "]
)
def test_numbers_as_text(rollouts, form):
    result = rollouts(correct=lambda row: form.format(row % 2))
    assert result.names == ("correct", "brief")
    assert sorted({*result.scores[0].tolist()}) == [0, 1]


def test_lists_of_one_and_true_and_false(rollouts):
    result = rollouts(correct=lambda row: [row % 2 == 0])
    assert sorted({*result.scores[0].tolist()}) == [0, 1]
    assert rollouts(correct=lambda row: row % 2 == 0).account.notes[-1] == "true and false are read as 1 and 0: correct"


@pytest.mark.parametrize(
    "names", [("rewards.correct", "rewards.brief"), ("correct", "brief"), ("Rewards.Correct", "brief")]
)
def test_nested_scores_have_paths(write_lines, names):
    rows = [{"prompt_id": row // 4, "rewards": {"correct": row % 2, "brief": row % 3}} for row in range(16)]
    path = str(write_lines(rows))
    assert read([path], Choice()).names == ("rewards.correct", "rewards.brief")
    assert read([path], Choice(scores=names)).scores.shape == (2, 16)


def test_lists_that_are_not_equally_long_are_named(write_lines):
    rows = [{"prompt": f"p{row}", "correct": [0, 1, 0], "brief": [0.5, 0.25, 1]} for row in range(20)]
    rows[7]["brief"] = [1, 2]
    result = read([str(write_lines(rows))], Choice())
    assert (result.count, result.account.bad) == (57, 1)
    assert "lists that are not equally long: correct has 3, brief has 2" in result.account.bad_examples[0]


def test_an_empty_cell_beside_lists_is_empty_for_each_rollout(write_lines):
    rows = [{"prompt": f"p{row}", "correct": [0, 1, 0], "brief": [0.5, 0.25, 1]} for row in range(20)]
    rows[7]["brief"] = None
    del rows[8]["brief"]
    rows[9] |= {"correct": None, "brief": None}
    result = read([str(write_lines(rows))], Choice())
    assert (result.count, result.account.bad) == (57, 1)
    assert int(np.isnan(result.scores[1]).sum()) == 6
    assert "lists that are not equally long: correct has none, brief has none" in result.account.bad_examples[0]


def test_lists_of_tokens_beside_scores_are_left_alone(rollouts):
    result = rollouts(logprobs=lambda row: [0.5, 1.5], token_ids=lambda row: [5, 6])
    assert (result.count, result.names) == (32, ("correct", "brief"))


def test_a_column_that_begins_late_is_taken_and_named(tmp_path):
    lines = ["prompt_id,correct,brief,safety"]
    lines += [f"p{row // 4},{row % 2},{row % 3},{row % 5 / 4 if row >= 4000 else ''}" for row in range(6000)]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    result = read([str(tmp_path / "x.csv")], Choice())
    assert result.names == ("correct", "brief", "safety")
    assert "scored only later in a file, or not in every file: safety" in result.account.notes
    assert int(np.isnan(result.scores[2]).sum()) == 4000


@pytest.mark.parametrize("step", ["Step", " global_steps ", "gen_step", "training_step"])
@pytest.mark.parametrize("form", ["{}", "step {}"])
def test_steps_under_other_names_and_as_text(rollouts, step, form):
    result = rollouts(**{step: lambda row: form.format(row % 2)})
    assert result.account.by_step and result.group_count == 16


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (("1.jsonl", "2.jsonl"), 2),
        (("completions_00001.jsonl", "completions_00002.jsonl"), 2),
        (("a.jsonl", "b.jsonl"), 1),
    ],
)
def test_steps_in_the_names_of_files(write_lines, names, groups):
    rows = [{"input": "q", "acc": row % 2, "fmt": row % 3} for row in range(6)]
    result = read([str(write_lines(rows, name)) for name in names], Choice())
    assert result.group_count == groups
    assert "no column" in result.account.notes[-1]


def test_ids_are_compared_by_value_and_a_file_counts_once(tmp_path, write_lines):
    files = [
        write_lines([{"group_id": cell, "correct": row % 2, "brief": row / 3} for row in range(2)], f"{name}.jsonl")
        for name, cell in (("x", 0), ("y", "0"), ("z", 0.0), ("w", "0.0"))
    ]
    result = read([*map(str, files), str(files[0]), str(tmp_path / "." / "y.jsonl")], Choice())
    assert (result.count, result.group_count) == (8, 1)


def test_ids_of_a_users_own_are_no_session_keys(write_lines):
    rows = [
        {"uid": f"math_{row // 4}_3", "input": f"q{row // 4}", "step": 1, "output": "x", "acc": row % 2, "fmt": row % 3}
        for row in range(16)
    ]
    result = read([str(write_lines(rows))], Choice())
    assert (result.count, result.group_count, result.account.earlier_outputs) == (16, 4, 0)


@pytest.fixture
def run_folder(tmp_path, write_lines):
    """A run with settings beside its rollouts."""
    rows = [
        {"uid": f"q{row // 4}_{row}_0", "input": "i", "output": "o", "step": 1}
        | {f"reward/{name}": row * number % 5 / 4 for name, number in (("correct", 1), ("cost", 3))}
        for row in range(32)
    ]
    (tmp_path / "rollouts").mkdir()
    write_lines(rows, "rollouts/1.jsonl")
    rewards = {"correct": {"weight": 2.0}, "cost": {"direction": "minimize", "requires": {"correct": 0.5}}}
    (tmp_path / "gd2po_settings.json").write_text(json.dumps({"estimator": "gd2po", "rewards": rewards}))
    return tmp_path


def test_the_settings_of_the_run_are_used_and_said(run_folder):
    result = read([str(run_folder / "rollouts")], Choice())
    assert result.weights == {"correct": 2.0, "cost": 1.0}
    assert result.directions == {"correct": "maximize", "cost": "minimize"}
    assert not result.scores[1][result.scores[0] < 0.5].any()
    assert "gd2po_settings.json" in result.account.notes[0]
    assert "cost counts only where correct ≥ 0.5" in result.account.notes[1]


def test_options_override_the_settings_of_the_run(run_folder):
    choice = Choice(weights={"correct": 3.0}, directions={"cost": "maximize"})
    result = read([str(run_folder / "rollouts")], choice)
    assert result.weights == {"correct": 3.0, "cost": 1.0}
    assert result.directions["cost"] == "maximize"


def test_settings_that_cannot_be_read_are_named(run_folder):
    (run_folder / "gd2po_settings.json").write_text("{")
    result = read([str(run_folder / "rollouts")], Choice())
    assert "gd2po_settings.json beside the rollouts cannot be read" in result.account.notes[0]


@pytest.mark.parametrize(
    ("name", "against", "sign"),
    [
        ("accuracy_reward", False, "reward"),
        ("reward_length", True, "reward"),
        ("rewards/brief", False, "reward"),
        ("rewards.answer_length", False, "reward"),
        ("AnswerScore", False, "reward"),
        ("is_correct", False, "word"),
        ("correct_answer", True, "word"),
        ("reward_time", True, "reward"),
        ("total_reward", True, "reward"),
        ("reward", True, ""),
        ("zorp", False, ""),
    ],
)
def test_names_speak_for_and_against(name, against, sign):
    assert bool(reason_against(name)) == against
    assert sign_of(name) == sign


def test_a_guess_stands_above_the_verdict(write_lines):
    rows = [{"group": row // 4, "correct": row % 2, "brief": row % 3, "idx": row} for row in range(40)]
    output = CliRunner().invoke(app, ["check", str(write_lines(rows))], env={"COLUMNS": "200"}).output
    assert output.index("--scores correct,brief") < output.index("idx (an id or index") < output.index("Verdict:")


def test_the_suggested_option_stands_on_a_line_of_its_own_and_can_be_copied(write_lines):
    names = [f"reward, of {part}" for part in ("the answer", "the form", "the citations", "the tone of the answer")]
    rows = [{"group": row // 4} | {name: row * 7 % (5 + at) for at, name in enumerate(names)} for row in range(40)]
    path = str(write_lines(rows))
    shown = CliRunner().invoke(app, ["check", path], env={"COLUMNS": "80"}).output
    (line,) = [line for line in shown.splitlines() if "--scores" in line]
    said = CliRunner().invoke(app, ["check", path, *shlex.split(line)], env={"COLUMNS": "80"})
    assert said.exit_code == 0
    assert said.output.partition("Rewards\n")[2] == shown.partition("Rewards\n")[2]


CASES = Path(__file__).parents[4] / "shared" / "cases"
TWO = {"correct", "brief"}


@pytest.mark.skipif(not CASES.is_dir(), reason="these inputs are kept beside the repository")
@pytest.mark.parametrize(
    ("names", "rewards", "groups"),
    [
        ("own_run_minimize/rollouts", {"correctness", "length", "format"}, 48),
        ("trl_extra", {"accuracy_reward", "format_reward"}, 60),
        ("truth_numbers", {"acc", "format"}, 12),
        ("pandas_index", TWO, 12),
        ("late_column", {*TWO, "safety"}, 700),
        ("swift_lists", {"Correct", "Brief"}, 12),
        ("lists_per_prompt", TWO, 12),
        ("nested_scores", {"rewards.correct", "rewards.brief"}, 12),
        ("nemo_gym", {f"reward_components.{name}" for name in ("correctness", "schema_valid", "format")}, 60),
        ("dotted", {"reward.correct", "reward.brief"}, 12),
        ("pq/struct.parquet", {"rewards.correct", "rewards.brief"}, 12),
        ("json_array", TWO, 12),
        ("wandb_table", TWO, 12),
        ("gz_hidden", TWO, 12),
        ("num_strings", TWO, 12),
        ("verl_default_str", {"acc", "fmt", "len_r"}, None),
        ("np_strings", TWO, 12),
        ("pq/dict_str.parquet", TWO, 12),
        ("no_step", {"acc", "fmt"}, 90),
        ("int_step", {"accuracy_reward", "format_reward"}, 16),
        ("bools", TWO, 12),
        ("utf16_csv", TWO, 12),
        ("semicolon_csv", TWO, 12),
        ("tsv", TWO, 12),
        ("surrogates", TWO, 12),
        ("group_ids/f1.parquet group_ids/f2.csv group_ids/f3.csv", {"a", "b"}, 10),
        ("uid_two_numbers", {"correct", "brief"}, 12),
        ("percent/a.csv", TWO, 12),
        ("percent/frac.csv", TWO, 12),
        ("pq/dup.parquet", None, "a Parquet file with column 'correct' twice"),
        ("dup_cols_csv", None, "a CSV file with column 'correct' twice"),
        ("pq/list.parquet", None, "Columns of lists or objects: scores"),
        ("pq/zero.parquet", None, "without rows"),
        ("pq/nullcol.parquet", None, "brief (is empty)"),
        ("pq/half.parquet", TWO, 12),
        ("pq/large.parquet", TWO, 12),
        ("pq/binary_id.parquet", TWO, 12),
        ("pq/float_id.parquet", TWO, 12),
        ("pq/time_id.parquet", TWO, 12),
        ("pq/trl.parquet", {"accuracy_reward", "format_reward"}, 12),
        ("group_ids/big_float_ids.csv", {"a", "b"}, 20),
    ],
)
def test_inputs_of_real_kinds(names, rewards, groups):
    files = [str(CASES / name) for name in names.split()]
    if rewards is None:
        with pytest.raises(CheckError) as refusal:
            read(files, Choice())
        assert groups in str(refusal.value)
        return
    result = read(files, Choice())
    assert {*result.names} == rewards
    assert groups is None or result.group_count == groups


@pytest.mark.skipif(not CASES.is_dir(), reason="these inputs are kept beside the repository")
def test_a_run_is_checked_with_its_own_directions():
    evidence = examine([str(CASES / "own_run_minimize" / "rollouts")], Choice())
    assert round(evidence.method("Hard").kept.value, 2) == 0.54
