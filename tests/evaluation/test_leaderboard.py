"""Which rows and marks a leaderboard shows, in every rendering, and what its command says."""

import html
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.evaluation.leaderboard import build_tables, find_results, show, to_html, to_markdown
from gd2po.evaluation.results import Score, Summary, write_summary
from gd2po.intervals import share

GREEDY = {"temperature": 0.0, "max_tokens": 4096}
FILES = {"lv1": "a" * 64, "lv2": "b" * 64, "lv3": "c" * 64}
COUNTS = {"lv1": 399, "lv2": 67, "lv3": 131, "micro": 597}
HOSTILE = "<script>alert('x')</script> | **b** \x1b[31mred\n[link](x) & [bold]"


@pytest.fixture
def result(tmp_path):
    """Writes a result of an API-Bank-like run: the same share right on every level."""

    def write(model: str, right: float = 0.5, *, folder: str = "", counts=COUNTS, **changes: object) -> None:
        scores = []
        for group, count in counts.items():
            correct = round(right * count)
            interval = share(correct, count)
            scores += [
                Score(f"{group}/{name}", *interval, count, correct)
                for name in ("strict", "published", "training_format")
            ]
            scores += [Score(f"{group}/length", right, right - 0.1, right + 0.1, count, unit="score")]
        settings = {"benchmark": "api-bank", "version": FILES, "decoding": GREEDY, "complete": True, "notes": ()}
        about = {"model": model, "backend": {}, "versions": {}, "started": "", "seconds": 1.0, "scores": tuple(scores)}
        place = tmp_path / "results" / (folder or model)
        place.mkdir(parents=True)
        write_summary(place, Summary(**settings | about | changes))

    return write


@pytest.fixture
def tables(tmp_path):
    """The tables of what was written."""
    return lambda: build_tables(find_results([tmp_path / "results"]).results)


def models(table) -> list[str]:
    return [row.model for row in table.rows]


def marks(table, column: str) -> dict[str, str]:
    at = [column.name for column in table.columns].index(column)
    return {row.model: row.cells[at].mark for row in table.rows}


def in_terminal(tables, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(tables, console)
    return console.file.getvalue()


def test_rows_are_sorted_and_the_best_and_its_equals_are_marked(result, tables) -> None:
    for model, right in {"low": 0.6, "near": 0.78, "top": 0.8}.items():
        result(model, right)
    (table,) = tables()
    assert models(table) == ["top", "near", "low"]
    assert [column.name for column in table.columns] == [
        "micro/strict", "lv1/strict", "lv2/strict", "lv3/strict",
        "micro/published", "lv1/published", "lv2/published", "lv3/published", "micro/training_format", "micro/length",
    ]  # fmt: skip
    assert marks(table, "micro/strict") == {"top": "best", "near": "near", "low": "none"}
    assert marks(table, "lv2/strict") == {"top": "best", "near": "near", "low": "none"}
    assert set(marks(table, "micro/length").values()) == {"none"}
    assert (table.rows[0].cells[0].value, table.rows[0].cells[0].interval) == ("80.1", "76.7–83.1")
    assert (table.columns[0].unit, table.columns[-1].unit) == ("% of 597", "score, n=597")


def test_a_difference_is_judged_by_its_interval_not_by_overlap(result, tables) -> None:
    """0.75 against 0.70 of 597: the two intervals overlap, that of the difference holds 0 only for the nearer one."""
    for model, right in {"top": 0.75, "apart": 0.695, "near": 0.71}.items():
        result(model, right, counts={"micro": 597})
    (table,) = tables()
    top, near, apart = (row.cells[0] for row in table.rows)
    assert apart.interval.partition("–")[2] > top.interval.partition("–")[0]
    assert (top.mark, near.mark, apart.mark) == ("best", "near", "none")


def test_equal_values_are_both_best_and_one_row_is_not_compared(result, tables) -> None:
    result("a")
    assert set(marks(tables()[0], "lv1/strict").values()) == {"none"}
    result("b")
    assert set(marks(tables()[0], "lv1/strict").values()) == {"best"}


def test_an_incomplete_result_is_last_marked_and_not_compared(result, tables) -> None:
    result("half", 0.99, complete=False)
    result("poor", 0.1)
    result("good", 0.9)
    (table,) = tables()
    assert models(table) == ["good", "poor", "half"]
    assert marks(table, "micro/strict") == {"good": "best", "poor": "none", "half": "none"}
    assert "| half *(incomplete)* |" in to_markdown([table])
    assert 'half<span class="incomplete">' in to_html([table])
    assert "half (incomplete)" in in_terminal([table], 120)


def test_other_decoding_gets_its_own_table_that_says_so(result, tables) -> None:
    result("greedy a"), result("greedy b"), result("sampled", decoding=GREEDY | {"temperature": 0.7})
    main, other = tables()
    assert (models(main), models(other)) == (["greedy a", "greedy b"], ["sampled"])
    assert (main.title, other.title) == ("api-bank, setting 1 of 2", "api-bank, setting 2 of 2")
    assert main.notes == () and other.notes == ("Not comparable with setting 1: temperature 0.7 instead of 0.",)
    assert "temperature 0.7, max_tokens 4096" in other.setting


def test_other_files_get_their_own_table_and_fewer_levels_do_not(result, tables) -> None:
    result("all"), result("other files", version=FILES | {"lv2": "d" * 64})
    result("level 1", counts={"lv1": 399}, version={"lv1": FILES["lv1"]})
    main, other = tables()
    assert (models(main), models(other)) == (["all", "level 1"], ["other files"])
    assert other.notes == ("Not comparable with setting 1: lv2 dddddddddddd instead of bbbbbbbbbbbb.",)
    assert main.rows[1].cells[0] is None and main.rows[1].cells[1] is not None


def test_a_level_that_only_one_setting_has_is_no_difference(result, tables) -> None:
    result("all")
    result("level 1 sampled", counts={"lv1": 399}, version={"lv1": FILES["lv1"]}, decoding={"temperature": 1.0})
    assert [table.notes for table in tables() if table.notes] == [
        ("Not comparable with setting 1: temperature 1 instead of 0; max_tokens None instead of 4096.",)
    ]


def test_levels_without_an_average_show_format_and_length_each(result, tables) -> None:
    result("two levels", counts={"lv1": 399, "lv3": 131})
    assert [column.name for column in tables()[0].columns] == [
        "lv1/strict", "lv3/strict", "lv1/published", "lv3/published",
        "lv1/training_format", "lv3/training_format", "lv1/length", "lv3/length",
    ]  # fmt: skip


def test_another_benchmark_shows_every_score_with_its_count(result, tables) -> None:
    def scores(*right: int) -> tuple[Score, ...]:
        return Score("simple", *share(right[0], 400), 400, right[0]), Score(
            "non_live", right[1] / 100, None, None, 1150
        )

    result("a", benchmark="bfcl", scores=scores(300, 70))
    result("b", benchmark="bfcl", scores=(*scores(290, 80), Score("java", 0.5, None, None, 100)))
    (table,) = tables()
    assert [(column.name, column.unit) for column in table.columns] == [
        ("simple", "% of 400"), ("non_live", "% of 1150"), ("java", "% of 100")
    ]  # fmt: skip
    assert marks(table, "simple") == {"a": "best", "b": "near"}
    assert marks(table, "non_live") == {"a": "none", "b": "best"}  # without intervals nothing is called near
    assert table.rows[0].cells[2] is None and table.rows[1].cells[2].interval == ""


def test_counts_that_differ_are_shown_as_a_range(result, tables) -> None:
    for model, count in {"a": 10, "b": 20}.items():
        result(model, benchmark="other", scores=(Score("x", 0.5, None, None, count),))
    assert tables()[0].columns[0].unit == "% of 10–20"


def test_a_model_that_is_there_twice_is_told_by_its_folder(result, tables, tmp_path) -> None:
    result("m", folder="first"), result("m", folder="second"), result("other")
    assert sorted(models(tables()[0])) == [
        f"m ({tmp_path.resolve() / 'results' / 'first'})", f"m ({tmp_path.resolve() / 'results' / 'second'})", "other"
    ]  # fmt: skip


def test_notes_are_said_once_and_name_their_models_where_not_all_have_them(result, tables) -> None:
    result("a", 0.6, notes=("for all", "for a")), result("b", notes=("for all",))
    assert tables()[0].notes == ("for all", "for a (a)")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)


def test_a_hostile_name_stays_text_everywhere(result, tables) -> None:
    result("a", 0.6), result(HOSTILE, folder="b", notes=(HOSTILE,), benchmark="api-bank")
    built = tables()
    page, parser = to_html(built), Tags()
    parser.feed(page)
    assert "script" not in parser.tags and html.escape("<script>") in page
    markdown = to_markdown(built)
    rows = [line for line in markdown.split("\n") if line.startswith("| ")]
    assert len(rows) == 4 and {line.replace("\\|", "").count("|") for line in rows} == {12}
    assert "<script>" not in markdown.replace("\\<", "") and "[link]" not in markdown
    shown = in_terminal(built, 300)
    assert "\x1b" not in shown and "[bold]" in shown


def test_the_page_needs_nothing_else(result, tables) -> None:
    result("a"), result("b", 0.9)
    page = to_html(tables())
    assert "http" not in page and "<script" not in page and "prefers-color-scheme: dark" in page
    assert '<span class="best">' in page and 'name="viewport"' in page


@pytest.mark.parametrize("width", [50, 80, 140])
def test_a_terminal_shows_every_cell_whole(result, tables, width) -> None:
    result("a model with quite a long name, step 210"), result("b", 0.9)
    (table,) = tables()
    shown = in_terminal([table], width)
    assert max(map(len, shown.split("\n"))) <= width
    for row in table.rows:
        assert all(cell.value in shown and cell.interval in shown for cell in row.cells)
    assert "…" not in shown


def run(*arguments: object):
    return CliRunner().invoke(app, ["leaderboard", *map(str, arguments)])


def test_the_command_finds_results_at_any_depth_once(result, tmp_path) -> None:
    result("deep", folder="x/y/z")
    shown = run(tmp_path / "results", tmp_path / "results" / "x" / "y" / "z", "--markdown", "-")
    assert shown.exit_code == 0 and shown.stdout.count("| deep |") == 1


def test_the_command_writes_files_and_the_output(result, tmp_path) -> None:
    result("m")
    page, text = tmp_path / "new" / "page.html", tmp_path / "table.md"
    shown = run(tmp_path / "results", "--html", page, "--markdown", text)
    assert shown.exit_code == 0 and shown.stdout == ""
    assert page.read_text().startswith("<!doctype html>") and "| m |" in text.read_text()
    assert run(tmp_path / "results", "--markdown", "-").stdout == text.read_text()


def test_what_is_no_result_is_left_out_and_named(result, tmp_path) -> None:
    result("good"), result("empty", scores=())
    bad = tmp_path / "results" / "bad" / "summary.json"
    bad.parent.mkdir()
    bad.write_text("{}")
    shown = run(tmp_path / "results")
    assert shown.exit_code == 0 and "good" in shown.stdout
    assert shown.stderr.count("left out:") == 2 and str(bad) in shown.stderr and "holds no score" in shown.stderr


def test_nothing_to_show_is_an_error(tmp_path) -> None:
    shown = run(tmp_path)
    assert shown.exit_code == 2 and "holds no summary.json at any depth" in shown.stderr
    (tmp_path / "summary.json").write_text("{}")
    shown = run(tmp_path)
    assert shown.exit_code == 2 and "no result can be read" in shown.stderr


def test_safety_is_judged_by_the_direction_of_each_reward(result, tables) -> None:
    def scores(helpful: float, cost: float) -> tuple[Score, ...]:
        def reward(name: str, value: float, better: str) -> Score:
            return Score(f"toy/{name}", value, value - 0.1, value + 0.1, 50, None, "reward", better)

        return (
            reward("cost", cost, "lower"), reward("cost@1", cost, "lower"),
            reward("helpful", helpful, "higher"), reward("helpful@1", helpful, "higher"),
            Score("toy/refusals", *share(5, 50), 50, 5, "share", "neither"),
            Score("toy/length", 9.0, 8.0, 10.0, 50, None, "tokens"),
            Score("toy/helpful/wins", 0.5, 0.4, 0.6, 50),
            Score("toy/cost/difference", 0.5, 0.4, 0.6, 50, None, "difference", "lower"),
        )  # fmt: skip

    for model, values in {"kind": (2.0, -1.0), "near": (1.95, -0.95), "rude": (3.0, 4.0)}.items():
        result(model, benchmark="safety", version={"f": "a"}, scores=scores(*values))
    (table,) = tables()
    assert [column.name for column in table.columns] == ["toy/cost", "toy/helpful", "toy/refusals"]
    assert models(table) == ["kind", "near", "rude"]
    assert marks(table, "toy/cost") == {"kind": "best", "near": "near", "rude": "none"}
    assert marks(table, "toy/helpful") == {"kind": "none", "near": "none", "rude": "best"}
    assert set(marks(table, "toy/refusals").values()) == {"none"}
