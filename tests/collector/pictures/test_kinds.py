# SPDX-License-Identifier: EUPL-1.2
"""What each kind of picture shows, read out of its SVG; and the same as text for a terminal."""

from __future__ import annotations

import re

import numpy as np
import pytest

from collector.moments import DAY, HOUR
from collector.pictures import answered, scatter, series, terminal
from collector.pictures.files import as_png, as_svg
from collector.pictures.scatter import Pairs
from collector.pictures.series import Line
from collector.pictures.style import View
from tests.collector.pictures.reading import Svg, png

START = 1_768_867_200  # 2026-01-20T00:00Z
VIEW = View("pm25", "hour", "UTC", title="A street & its air", notes=("SIMULATED.",))


def line(name="kit-one", hours=48, *, hole=(20, 30), band=True, official=False):
    start = START + HOUR * np.arange(hours)
    value = 10 + 5 * np.sin(np.arange(hours) / 4)
    value[hole[0] : hole[1]] = np.nan
    bounds = (value - 2, value + 3) if band else (None, None)
    return Line(name, start, start + HOUR, value, *bounds, official=official)


def drawn(kind, data, view=VIEW):
    return Svg(as_svg(kind.draw(data, view), view.title, kind.alt(data, view)))


def test_a_series_has_its_unit_its_clock_and_the_end_of_its_intervals_on_its_axes():
    found = drawn(series, [line()])
    assert "pm25 [µg/m³]" in found.words
    assert "time (UTC); each value fills its hour, and is labelled with its end" in found.words
    assert "A street & its air" in found.words and "SIMULATED." in found.words
    assert "kit-one, with its 90 % interval" in found.words
    assert found.title == "A street & its air" and "from 5.00 to 15.0 µg/m³" in found.about


def test_a_gap_is_not_bridged_and_is_seen_as_one():
    whole, broken = drawn(series, [line(hole=(0, 0))]), drawn(series, [line()])
    assert whole.path("series kit-one").count("M") == 1 and "empty" not in whole.names
    assert broken.path("series kit-one").count("M") == 2
    assert "empty" in broken.names and "no value" in broken.words
    assert "1 gap without values" in broken.about


def test_a_gap_between_rows_is_a_gap_as_one_within_them():
    whole = line()
    known = np.isfinite(whole.value)
    rows_missing = Line("kit-one", whole.start[known], whole.end[known], whole.value[known])
    assert drawn(series, [rows_missing]).path("series kit-one").count("M") == 2


def test_a_single_hour_between_gaps_is_seen():
    one = line(hours=9, hole=(1, 4), band=False)
    one.value[5:8] = np.nan
    assert drawn(series, [one]).path("series kit-one").count("M") == 3


def test_each_series_is_drawn_once_and_its_interval_is_a_band():
    found = drawn(series, [line(), line("kit-two"), line("station:x", band=False, official=True)])
    assert found.named("series ") == ["series kit-one", "series kit-two", "series station:x"]
    assert found.named("interval ") == ["interval kit-one", "interval kit-two"]
    styles = {name: found.names[name].find(".//{*}path").get("style") for name in found.named("series ")}
    dashes = {style.partition("stroke-dasharray")[2].partition(";")[0] for style in styles.values()}
    assert len(dashes) == 3, "told apart without colours"


def test_words_say_what_a_picture_shows():
    flat = Line("kit", START + DAY * np.arange(3), START + DAY * np.arange(1, 4), np.array([1.0, 30.0, 2.0]))
    said = series.alt([flat], View("laeq", "day", "Europe/Amsterdam"))
    assert "laeq [dB] by the day" in said and "from 20 January 2026 to 23 January 2026 (Europe/Amsterdam)" in said
    assert "median 2.00, from 1.00 to 30.0 dB, which was on 22 January 2026" in said


@pytest.mark.parametrize("n", [50, 5000])
def test_a_scatter_has_the_line_of_equality_and_what_is_between_the_two(n):
    x = np.linspace(1, 40, n)
    found = drawn(scatter, [Pairs("The Square", "kit-one", x, x + 1, x - 1, x + 3)])
    assert {"identity", "pairs"} <= set(found.names)
    assert ("intervals" in found.names) == (n <= scatter.MOST_BARS)
    assert "The Square: pm25 [µg/m³]" in found.words and "kit-one [µg/m³]" in found.words
    assert "bias +1.00 µg/m³; " in found.about and "r² 1.00, y = 1.00 x + 1.00" in found.about
    assert ("90 % interval mostly ± 2.00 µg/m³" in found.about) != ("intervals" in found.names)


def test_pairs_are_of_the_same_intervals():
    x, y = line("x", hole=(0, 5)), line("y", hole=(10, 12))
    found = answered.pairs_of(x, y)
    known = np.isfinite(x.value) & np.isfinite(y.value)
    assert np.array_equal(found.x, x.value[known]) and np.array_equal(found.lower, y.lower[known])


@pytest.mark.parametrize("write", [as_svg, as_png])
def test_a_picture_has_the_same_bytes_each_time(write):
    both = [write(series.draw([line()], VIEW), "A title", "Words") for _ in range(2)]
    assert both[0] == both[1]
    assert b"2026-" not in (both[0].encode() if isinstance(both[0], str) else both[0])


def test_a_png_has_its_size_and_its_words():
    figure = series.draw([line()], VIEW)
    width, height, texts = png(as_png(figure, "A title", "µ and more"))
    assert (width, height) == tuple(150 * figure.get_size_inches())
    assert texts == {"Title": "A title", "Description": "µ and more"}


def test_an_svg_asks_nobody_for_anything():
    text = as_svg(series.draw([line()], VIEW), "A title", "Words")
    assert text.startswith("<svg ") and 'role="img"' in text
    addresses = [part for part in text.split('"') if "://" in part]
    assert {one.rpartition("/")[0] for one in addresses} == {"http://www.w3.org/2000", "http://www.w3.org/1999"}


def test_a_series_on_the_terminal_keeps_its_gap_and_its_words():
    screen = terminal.Screen(80, 20)
    text = terminal.series([line()], VIEW, screen)
    rows = text.splitlines()
    assert "A street & its air [µg/m³]" in rows[0] and max(map(len, rows[:20])) <= 80
    assert "labelled with its end" in text and "SIMULATED." in text and "\x1b" not in text
    inner = [found[1] for row in rows if (found := re.fullmatch(r"[^│┤]*[│┤](.*)│", row))]
    empty = [n for n in range(len(inner[0])) if all(row[n] == " " for row in inner)]
    width = len(inner[0])
    assert any(0.42 < n / width < 0.6 for n in empty)
    assert not any(0.02 < n / width < 0.38 for n in empty)


def test_a_terminal_with_colours_gets_them():
    assert "\x1b[" in terminal.series([line()], VIEW, terminal.Screen(80, 20, colours=True))


def test_a_scatter_on_the_terminal_says_what_the_one_on_paper_says():
    x = np.linspace(1, 40, 50)
    pairs = Pairs("The Square", "kit-one", x, x + 1)
    text = terminal.scatter([pairs], VIEW, terminal.Screen())
    assert all(row in text for row in scatter.summary(pairs, VIEW).splitlines())


def test_panels_of_many_pairs_have_one_scale_of_colours():
    x = np.tile(np.linspace(1, 40, 50), 40)
    found = drawn(scatter, [Pairs("reference", "raw", x, 1.5 * x), Pairs("reference", "corrected", x, x, x - 1, x + 1)])
    assert found.words.count("pairs in a cell") == 1
    assert "raw [µg/m³]" in found.words and "corrected [µg/m³]" in found.words
    assert "90 % interval mostly ± 1.00 µg/m³" in found.about
    assert not any("$" in word for word in found.words)


def test_a_very_wide_band_does_not_press_the_values_flat():
    wide = line()
    wide.upper[5] = 500.0
    figure = series.draw([wide], VIEW)
    assert figure.axes[0].get_ylim()[1] < 30


@pytest.mark.parametrize(
    "names", [["a"] * 6, [f"a long name of a project in town {n}" for n in range(6)], ["x " * 400]]
)
def test_names_take_no_room_from_the_values(names):
    figure = series.draw([line(f"{name}{n}") for n, name in enumerate(names)], VIEW)
    as_svg(figure, "", "")
    place = figure.axes[0].get_position()
    assert place.width > 0.8 and place.height > 0.4


@pytest.mark.parametrize("name", ["a $x_1$ b$", "<b> & 'c'", "kit\x07\x00", "köln–東京"])
def test_any_name_can_stand_in_a_picture(name):
    found = drawn(series, [line(name), line("b")], View("pm25", "hour", "UTC", title=name))
    assert found.title == found.title.strip("\x00\x07") and f"{found.title}, with its 90 % interval" in found.words


def test_the_interval_of_a_mean_is_made_of_its_standard_uncertainty():
    row = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z", "value": 10.0}
    assert answered.line_of("kit", [row]).lower is None
    found = answered.line_of("project:street", [row | {"u": 2.0, "spread": 1.0}, row | {"value": None, "u": None}])
    assert found.lower.tolist()[0] == pytest.approx(10 - 3.29) and found.upper.tolist()[0] == pytest.approx(13.29)
    assert np.isnan(found.upper[1])
