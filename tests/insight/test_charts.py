"""Charts in a page take its colours, keep out of each other's way and are equal each time; PNG files have colours."""

import re

import pytest

from gd2po.insight.charts import LINE, NIGHT_SERIES, SERIES, TEXT, page_figure, to_png, to_svg


def drawn(write, label: str = "up") -> object:
    """What ``write`` makes of a figure with a clipped, marked curve."""
    with page_figure(3, 2) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1, 2], [0, 2, 1], color=SERIES[1], marker="o")
        axes.fill_between([0, 1, 2], [0, 1, 0], color=SERIES[2], alpha=0.3)
        axes.set_title(label)
        axes.grid()
        return write(figure)


def svg(description: str = "a chart", label: str = "up") -> str:
    return str(drawn(lambda figure: to_svg(figure, description), label))


def test_colours_are_those_of_the_page():
    text = svg()
    assert {"var(--c1)", "var(--c2)", "var(--text)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", text))
    assert not [colour for colour in (*SERIES, TEXT, LINE) if colour in text]
    assert "fill-opacity: 0.3" in text


def test_night_has_a_colour_for_each_of_the_day():
    assert len(NIGHT_SERIES) == len(SERIES) == len({*SERIES, *NIGHT_SERIES}) / 2


def test_equal_charts_are_equal_text_and_others_share_no_id():
    first, again, other = svg(), svg(), svg("another", "down")
    assert first == again
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in (first, other)]
    assert ids[0] and not ids[0] & ids[1]


def test_references_find_their_ids():
    text = svg()
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    assert references == set(re.findall(r' id="([^"]+)"', text))
    assert all(text.count(f'id="{name}"') == 1 for name in references)


def test_text_stays_text_and_is_escaped():
    text = svg('"><b>', "<script>alert(1)</script> $x^2$ & co")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x^2$ &amp; co" in text
    assert 'aria-label="&#34;&gt;&lt;b&gt;"' in text
    assert "<script" not in text and "<style" not in text and "<metadata" not in text


def test_a_png_has_its_colours_on_white(tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "new" / "chart.png"
    drawn(lambda figure: to_png(figure, path))
    assert [file.name for file in path.parent.iterdir()] == ["chart.png"]
    pixels = imread(path)[..., :3]
    assert pixels[0, 0] == pytest.approx((1, 1, 1))
    expected = [int(SERIES[1][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    assert (abs(pixels - expected).max(-1) < 0.02).any()
