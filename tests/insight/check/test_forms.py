"""A file is read by what it holds, and damage to it is named, never a traceback."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.errors import GD2POError
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading import read
from gd2po.insight.check.reading.sampling import BLOCK_ROWS, spread

ROWS = [
    {
        "prompt_id": f"p{row // 4}",
        "completion": "word " * (row % 5),
        "correct": float(row % 2),
        "brief": row * 7 % 5 / 3,
    }
    for row in range(32)
]


def as_csv(delimiter=","):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(ROWS[0])
    writer.writerows(row.values() for row in ROWS)
    return text.getvalue()


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def as_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def nested():
    return [
        {"prompt_id": row["prompt_id"], "rewards": {name: row[name] for name in ("correct", "brief")}} for row in ROWS
    ]


def per_prompt():
    return [
        {
            "prompt": f"p{start}",
            "completions": [row["completion"] for row in ROWS[start : start + 4]],
            **{name: [row[name] for row in ROWS[start : start + 4]] for name in ("correct", "brief")},
        }
        for start in range(0, 32, 4)
    ]


def forms():
    """Name of a file → its bytes; each has the rewards correct and brief of the same 32 rollouts."""
    lines = as_lines(ROWS).encode()
    table = {"columns": list(ROWS[0]), "data": [list(row.values()) for row in ROWS]}
    return {
        "lines.jsonl": lines,
        "nested.jsonl": as_lines(nested()).encode(),
        "per_prompt.jsonl": as_lines(per_prompt()).encode(),
        "per_step.jsonl": as_lines([{name: [row[name] for row in ROWS] for name in ROWS[0]}]).encode(),
        "text.jsonl": as_lines([row | {"correct": f"np.float64({row['correct']})"} for row in ROWS]).encode(),
        "array.json": json.dumps(ROWS).encode(),
        "indented.json": json.dumps(ROWS, indent=2).encode(),
        "sequence.json": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
        "table.json": json.dumps(table).encode(),
        "bom.jsonl": b"\xef\xbb\xbf" + lines,
        "wide.jsonl": as_lines(ROWS).encode("utf-16"),
        "wider.csv": as_csv().encode("utf-32"),
        "marked.csv": as_csv().encode("utf-16"),
        "unmarked.csv": as_csv().encode("utf-16-le"),
        "comma.csv": as_csv().encode(),
        "semicolon.csv": as_csv(";").encode(),
        "tab.tsv": as_csv("\t").encode(),
        "bar.csv": as_csv("|").encode(),
        "hidden.jsonl": gzip.compress(lines),
        "lines.jsonl.gz": gzip.compress(lines),
        "lines.jsonl.bz2": bz2.compress(lines),
        "lines.jsonl.xz": lzma.compress(lines),
        "lines.jsonl.zst": pa.compress(lines, "zstd", asbytes=True),
        "table.parquet": as_parquet(ROWS),
        "called_otherwise.jsonl": as_parquet(ROWS),
        "struct.parquet": as_parquet(nested()),
        "lists.parquet": as_parquet(per_prompt()),
    }


_PIECES = (
    *(
        b"\0",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b";",
        b"\n",
        b"\\ud83d",
        b"\\",
        b"NaN",
        b"null",
        b"1e999",
        b"\xff\xfe",
    ),
    *(b"[[[[", b"-", b"9" * 40, b"true", b"''", b"{}", b"[]", b"\xf0\x9f", b"PAR1", b"\x1f\x8b", b"%", b"reward/"),
)


def damaged(content, generator: random.Random):
    """The content with one to four random changes: bytes flipped, pieces put in, cut out, doubled, or the end cut."""
    data = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(data) + 1)
        length = generator.choice((1, 2, 8, 64, 512))
        match generator.randrange(6):
            case 0 if data:
                data[place % len(data)] = generator.randrange(256)
            case 1:
                data[place:place] = generator.choice(_PIECES)
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                del data[place:]
            case _:
                data[place : place + length] = generator.choice(_PIECES)
    return bytes(data)


FORMS = forms()
SCORES = sorted((row["correct"], round(row["brief"], 6)) for row in ROWS)
MUTATIONS = 300


def same(rollouts):
    scores = dict(zip((name.rpartition(".")[2] for name in rollouts.names), rollouts.scores, strict=True))
    pairs = zip(scores["correct"].tolist(), np.round(scores["brief"], 6).tolist(), strict=True)
    return sorted(pairs) == SCORES and rollouts.sizes.tolist() == [4] * 8


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read_by_what_it_holds(tmp_path, name):
    (tmp_path / name).write_bytes(FORMS[name])
    assert same(read([str(tmp_path / name)], Choice()))


@pytest.mark.parametrize("name", ["comma.csv", "hidden.jsonl", "array.json", "table.parquet", "marked.csv"])
def test_every_form_may_come_on_the_standard_input(monkeypatch, name):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FORMS[name])))
    assert same(read(["-"], Choice()))


def test_texts_cut_within_an_escape_are_read(tmp_path):
    lines = as_lines(ROWS).replace('"completion": "', '"data_source": "\\ud83d", "completion": "half \\ud83d ')
    (tmp_path / "x.jsonl").write_text(lines)
    rollouts = read([str(tmp_path / "x.jsonl")], Choice())
    assert same(rollouts) and rollouts.source_names == ("\N{REPLACEMENT CHARACTER}",)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("x.csv", b"prompt,a,a\np,1,2\n", "a CSV file with column 'a' twice"),
        ("x.jsonl", b"\x93NUMPY\1\0", "is a NumPy array"),
        ("x.csv", b"\1\0\0\0\0\0\0\0", "a binary file of an unknown kind"),
        ("x.jsonl", b"prompt;a\np;1\n", "holds no JSON object: expected one per line, or an array; found 'prompt;a"),
        ("x.json", b'[{"a": 1}, {"a": ', "is no JSON from character 18 on: Expecting value"),
        ("x.json", b"", "holds no JSON object"),
        ("x.csv", FORMS["table.parquet"][:40], "is no Parquet file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckError) as refusal:
        read([str(tmp_path / name)], Choice())
    assert text in str(refusal.value)


def test_an_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.csv", "w") as archive:
        archive.writestr("x.csv", as_csv())
    with pytest.raises(CheckError, match="is a ZIP archive"):
        read([str(tmp_path / "x.csv")], Choice())


def test_damaged_files_are_read_or_refused(tmp_path):
    generator = random.Random(0)
    for _ in range(MUTATIONS):
        name, content = generator.choice(list(FORMS.items()))
        path = tmp_path / name
        path.write_bytes(damaged(content, generator))
        try:
            read([str(path)], Choice(scores=("correct", "brief")) if generator.random() < 0.3 else Choice())
        except GD2POError as refusal:
            assert str(refusal)
        path.unlink()


@pytest.mark.parametrize("count", [0, 10, 5000, 200_000])
def test_a_sample_has_beginning_middle_and_end(count):
    sample = spread(range(count), lambda item: 8)
    assert sample == sorted(set(sample)) and len(sample) < 100 * BLOCK_ROWS
    if count:
        assert (sample[0], sample[-1]) == (0, count - 1)
    if count > 100_000:
        assert sum(count / 4 < item < count * 3 / 4 for item in sample) >= 4 * BLOCK_ROWS


def test_pretty_printed_objects_hold_what_lines_hold(tmp_path):
    (tmp_path / "x.json").write_text("\n\n".join(json.dumps(row, indent=4) for row in ROWS))
    assert same(read([str(tmp_path / "x.json")], Choice()))


@pytest.mark.parametrize("depth", [50, 400, 900, 100_000])
@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_deep_nesting_is_no_traceback(tmp_path, name, depth):
    deep = as_lines(ROWS).replace('"completion": "', '"other": ' + "[" * depth + "]" * depth + ', "completion": "')
    (tmp_path / name).write_text(deep if name == "x.jsonl" else f"[{','.join(deep.splitlines()[:4])}]")
    try:
        read([str(tmp_path / name)], Choice())
    except GD2POError as refusal:
        assert str(refusal)
