"""Exports of trackers, trainers, tables and labelling tools, each with the rewards correct and brief, or named."""

import csv
import gzip
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading import flat, read

GROUPS, SIZE = 12, 4
GENERATOR = random.Random(3)
ROLLOUTS = [
    {
        "prompt": f"What is {row // SIZE} plus {row // SIZE}?",
        "correct": float(GENERATOR.random() < 0.5),
        "brief": round(GENERATOR.random(), 3),
        "style": GENERATOR.choice((0.0, 0.25, 0.5, 1.0)),
    }
    for row in range(GROUPS * SIZE)
]
ROWS = [{name: row[name] for name in ("prompt", "correct", "brief")} for row in ROLLOUTS]
BY_PROMPT = [ROWS[start : start + SIZE] for start in range(0, len(ROWS), SIZE)]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(rows, delimiter=",", form=str):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows([form(cell) for cell in row.values()] for row in rows)
    return text.getvalue()


def parquet(content):
    sink = io.BytesIO()
    pq.write_table(content if isinstance(content, pa.Table) else pa.Table.from_pylist(content), sink)
    return sink.getvalue()


def each(**columns):
    """The rows with other or more columns, made by functions of the row."""
    return [row | {name: make(row) for name, make in columns.items()} for row in ROWS]


def holding(name, make):
    """The rows with both scores in one column."""
    return [{"prompt": row["prompt"], name: make(row)} for row in ROWS]


def with_comma(cell):
    return str(cell).replace(".", ",") if isinstance(cell, float) else str(cell)


def two(row):
    return {"correct": row["correct"], "brief": row["brief"]}


COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
READ = {
    "decimal commas, semicolons.csv": table(ROWS, ";", with_comma),
    "decimal commas in quotes.csv": table(ROWS, ",", with_comma),
    "decimal commas.jsonl": lines(each(brief=lambda row: with_comma(row["brief"] + 1))),
    "unicode minus.csv": table(each(brief=lambda row: f"−{1 - row['brief']:.3f}")),
    "numpy booleans.csv": table(each(correct=lambda row: f"np.{bool(row['correct'])}_")),
    "decimals.csv": table(each(correct=lambda row: f"Decimal('{row['correct']}')")),
    "python objects.csv": table(holding("rewards", lambda row: str(two(row)))),
    "numpy in objects.csv": table(
        holding("rewards", lambda row: f"{{'correct': np.float64({row['correct']}), 'brief': {row['brief']}}}")
    ),
    "json objects.csv": table(holding("reward_info", lambda row: json.dumps(two(row)))),
    "json objects.jsonl": lines(holding("extra_info", lambda row: json.dumps({"reward": two(row)}))),
    "maps.parquet": parquet(
        pa.table(
            {
                "prompt": COLUMNS["prompt"],
                "rewards": pa.array([list(two(row).items()) for row in ROWS], pa.map_(pa.string(), pa.float64())),
            }
        )
    ),
    "named scores.jsonl": lines(
        holding("rewards", lambda row: [{"name": name, "score": score} for name, score in two(row).items()])
    ),
    "named values.parquet": parquet(
        holding("components", lambda row: [{"metric": name, "value": score} for name, score in two(row).items()])
    ),
    "samples.jsonl": lines([{"prompt": rows[0]["prompt"], "samples": list(map(two, rows))} for rows in BY_PROMPT]),
    "ratings.json": json.dumps(
        holding("annotations", lambda row: {f"{name}.rating": score for name, score in two(row).items()})
    ),
    "by column.json": json.dumps({name: dict(enumerate(cells)) for name, cells in COLUMNS.items()}),
    "by index.json": json.dumps(dict(enumerate(ROWS)), indent=1),
    "columns.json": json.dumps(COLUMNS),
    "split.json": json.dumps(
        {"columns": list(COLUMNS), "index": list(range(48)), "data": [list(row.values()) for row in ROWS]}
    ),
    "table.json": json.dumps({"schema": {"fields": []}, "data": ROWS}),
    "viewer.json": json.dumps(
        {"features": [], "rows": [{"row_idx": place, "row": row} for place, row in enumerate(ROWS)]}
    ),
    "wrapped.json": json.dumps({"model": "x", "results": ROWS}, indent=2),
    "without line ends.json": lines(ROWS).replace("\n", ""),
    "record separators.jsonl": lines(ROWS).replace("{", "\x1e{"),
    "commas at the ends.jsonl": lines(ROWS).replace("}", "},"),
    "log lines between.jsonl": lines(ROWS).replace("\n", "\nINFO step\n"),
    "Excel's separator.csv": "sep=;\r\n" + table(ROWS, ";"),
    "Excel's Unicode text.txt": table(ROWS, "\t").encode("utf-16"),
    "percent.csv": table(each(brief=lambda row: f"{100 * row['brief']:.1f} %")),
    "thousandths.csv": table(each(brief=lambda row: f"{round(1000 * row['brief'])}/1000")),
    "words.csv": table(each(correct=lambda row: "yes" if row["correct"] else "no")),
    "a total at the end.csv": table([*ROWS, {"prompt": "Total", "correct": 20, "brief": 24.0}]),
    "lines before.csv": "\r\n# from run 5, of May\n# by hand\n" + table(ROWS),
    "zeros in texts.csv": table(each(prompt=lambda row: "a\0" + row["prompt"])),
    "camel case.jsonl": lines(
        [{"promptId": row["prompt"], "correctScore": row["correct"], "briefScore": row["brief"]} for row in ROWS]
    ),
    "reward functions.jsonl": lines(
        [{"prompt": row["prompt"], "check_correct": row["correct"], "brief_reward_func": row["brief"]} for row in ROWS]
    ),
    "an id for each row.jsonl": lines(
        [{"uid": f"u{place}", "task_id": "sums", **row} for place, row in enumerate(ROWS)]
    ),
    "many columns.csv": table([{**{f"token {place}": 0 for place in range(3000)}, **row} for row in ROWS]),
    "concatenated.jsonl.gz": gzip.compress(lines(ROWS[:20]).encode()) + gzip.compress(lines(ROWS[20:]).encode()),
}


@pytest.fixture
def save(tmp_path):
    """Writes a file, below a folder if its name has one."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.mark.parametrize("name", READ)
def test_exports_are_read(save, name):
    rollouts = read([save(name, READ[name])], Choice())
    assert (rollouts.count, rollouts.group_count, len(rollouts.names)) == (48, 12, 2)
    assert all(part in name for part, name in zip(("correct", "brief"), map(str.lower, rollouts.names), strict=True))
    assert rollouts.scores[0].sum() == sum(COLUMNS["correct"])


REFUSED = {
    "thousands.csv": (table(each(brief=lambda row: f"{1000 + int(1000 * row['brief']):,}")), "holds text such as '1,"),
    "words.csv": (table(each(correct=lambda row: "yes" if row["correct"] else "maybe")), "holds text such as"),
    "key twice.jsonl": (lines(ROWS).replace('"brief"', '"correct": 1, "brief"'), "column 'correct' twice"),
    "key twice.json": (
        json.dumps(ROWS, indent=1).replace('"brief"', '"correct": 1, "brief"'),
        "column 'correct' twice",
    ),
    "column twice.json": (
        json.dumps({"columns": ["prompt", "correct", "correct"], "data": [["p", 0, 1]]}),
        "'correct' twice",
    ),
    "path twice.jsonl": (
        lines([{"rewards.correct": row["style"], "rewards": two(row), "prompt": row["prompt"]} for row in ROLLOUTS]),
        "two columns with the name 'rewards.correct'",
    ),
    "space.jsonl": (lines(each(**{" correct": lambda row: 1 - row["brief"]})), "two columns with the name 'correct'"),
    "python.jsonl": ("".join(f"{row}\n" for row in ROWS), "in the notation of Python"),
    "page.csv": ("<!DOCTYPE html>\n<html></html>\n", "an HTML page"),
    "page.jsonl": ("\n<html></html>\n", "an HTML page"),
    "a.pkl": (b"\x80\x04\x95\x1f\0\0\0", "a pickle"),
    "a.arrow": (b"\xff\xff\xff\xff\x10\0\0\0", "a stream of Arrow"),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(lines(ROWS).encode())), "packed twice"),
    "a title.csv": ("Run 5\n" + table(ROWS), "row 2: 3 fields; the header has 1"),
    "row names.csv": (table(ROWS).replace("\r\nWhat", "\r\n1,What"), "4 fields; the header has 3"),
    "one list.jsonl": (
        lines(holding("scores", lambda row: [*two(row).values()])),
        "Columns of lists or objects: scores",
    ),
    "signed total.jsonl": (
        lines([row | {"quality": row["correct"] - 0.5 * row["brief"] + 0.2 * row["style"]} for row in ROLLOUTS]),
        "One of them may be a total or product of others: quality is 1 correct − 0.5 brief + 0.2 style",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_exports_that_cannot_be_read_are_named(save, name):
    content, reason = REFUSED[name]
    with pytest.raises(CheckError) as refusal:
        read([save(name, content)], Choice())
    assert reason in str(refusal.value)


@pytest.mark.parametrize("weights", [(2, 0.5), (0.7, 0.3), (1, 10)])
def test_weighted_totals_are_left_out(save, weights):
    quality = lambda row: weights[0] * row["correct"] + weights[1] * row["brief"]  # noqa: E731
    rollouts = read([save("x.jsonl", lines(each(quality=quality)))], Choice())
    assert rollouts.account.not_taken == ("quality",)
    assert f"the weighted total {weights[0]:g} correct + {weights[1]:g} brief" in rollouts.account.notes[1]


def test_a_complement_and_a_copy_are_no_totals(save):
    rows = each(success=lambda row: row["correct"], penalty=lambda row: 1 - row["correct"], valid=lambda row: 1)
    assert len(read([save("x.jsonl", lines(rows))], Choice()).names) == 5


def test_columns_that_are_not_looked_at_are_counted_and_named(save, monkeypatch):
    monkeypatch.setattr(flat, "PATHS_AT_MOST", 5)
    path = save("x.jsonl", lines(each(info=lambda row: {f"part {place}": 1 for place in range(40)})))
    note = next(note for note in read([path], Choice()).account.notes if "not looked at" in note)
    assert note.startswith("35 columns were not looked at") and "info.part 5, " in note and "and 15 more" in note
    assert read([path], Choice(scores=("correct", "info.part 39"))).names[1] == "info.part 39"


def test_names_of_two_columns_that_are_not_read_are_said(save):
    rows = each(**{"x.y": lambda row: "text", "x": lambda row: {"y": "other"}})
    notes = read([save("x.jsonl", lines(rows))], Choice()).account.notes
    assert "names that two columns have, of which the first was looked at: x.y" in notes


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (("step_1/a.jsonl", "step_2/a.jsonl"), 24),
        (("step=1/a.jsonl", "step=2/a.jsonl"), 24),
        (("completions/completions_00001.jsonl", "completions/completions_00002.jsonl"), 24),
        (("rollouts/1.jsonl", "rollouts/2.jsonl", "checkpoint/config.json"), 24),
        (("rollouts/1.jsonl", "rollouts/2.jsonl", "global_step_2/complete.json"), 24),
        (("dump_step10_rank0.jsonl", "dump_step10_rank1.jsonl", "dump_step20_rank0.jsonl"), 24),
        (("part-00000-c000.jsonl", "part-00001-c000.jsonl", "_SUCCESS"), 12),
        (("train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl"), 12),
    ],
)
def test_folders_of_exporters(save, tmp_path, names, groups):
    for name in names:
        save(name, lines(ROWS) if name.endswith("jsonl") else "")
    assert read([str(tmp_path)], Choice()).group_count == groups
