# SPDX-License-Identifier: EUPL-1.2
"""Calendars, weeks and maps: each value is where it belongs, and what has none is empty."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from collector.errors import UsageError
from collector.moments import HOUR, parse_moment
from collector.pictures import answered, calendar, places, terminal, week
from collector.pictures.calendar import Days
from collector.pictures.files import as_svg
from collector.pictures.places import Spot
from collector.pictures.series import Line
from collector.pictures.style import BLACK, View, legible
from collector.pictures.week import Week
from tests.collector.pictures.reading import Svg

VIEW = View("laeq", "day", "Europe/Amsterdam", title="A street", notes=("Indicative.",))


def drawn(kind, data, view=VIEW):
    return Svg(as_svg(kind.draw(data, view), view.title, kind.alt(data, view)))


def days(first, values):
    return Days("kit-one", [first + timedelta(days=n) for n in range(len(values))], np.array(values, float))


def test_a_calendar_has_a_square_for_each_day_and_leaves_empty_what_does_not_count():
    data = days(date(2026, 2, 26), [50, np.nan, 60, 57.4])
    found = drawn(calendar, data)
    assert found.named("day ") == ["day 2026-02-26", "day 2026-02-28", "day 2026-03-01"]
    assert "empty 2026-02-27" in found.names and "empty 2026-03-31" in found.names
    assert {"February 2026", "March 2026", "50", "60", "57"} <= set(found.words)
    assert "laeq [dB] by the day (Europe/Amsterdam); empty: no value" in found.words
    assert "3 days have a value, the highest 60.0 on 2026-02-28, the lowest 50.0 on 2026-02-26" in found.about


def test_a_calendar_of_one_value_is_drawn():
    assert drawn(calendar, days(date(2026, 1, 1), [50])).named("day ") == ["day 2026-01-01"]


def test_a_calendar_on_the_terminal_has_each_value_under_its_weekday():
    text = terminal.calendar(days(date(2026, 2, 27), [51.25, np.nan, 53]), VIEW, terminal.Screen())
    rows = text.splitlines()
    heads = rows[rows.index("February 2026") + 1]
    row = next(one for one in rows if "51.2" in one)
    assert row.index("51.2") + 4 == heads.index("Fr") + 2
    row = rows[rows.index("March 2026") + 2]
    assert row.endswith("53.0") and "(Europe/Amsterdam)" in text and "Indicative." in text


@pytest.mark.parametrize("share", np.linspace(0, 1, 11))
def test_numbers_can_be_read_on_every_colour(share):
    """Contrast of at least 4.5, WCAG 2.2, 1.4.3; of black on white it is 21."""
    colour = calendar.AREAS(share)
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in colour[:3]]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    ink = 0.0 if legible(colour) == BLACK else 1.0
    assert (max(luminance, ink) + 0.05) / (min(luminance, ink) + 0.05) >= 4.5


def weeks(n, start="2026-03-16"):
    """Hours of n weeks: the value is 40 plus the hour of the UTC day, 10 more on Saturday and Sunday."""
    end = parse_moment(start) + HOUR * np.arange(1, n * 168 + 1)
    begin = (end - HOUR) // HOUR
    value = 40.0 + begin % 24 + 10.0 * ((begin // 24 + 3) % 7 >= 5)
    return Line("kit-one", end - HOUR, end, value)


def test_an_hour_lies_where_the_clock_of_the_place_puts_it():
    """The clock goes forward on 29 March 2026: the same hour of UTC is one later afterwards."""
    utc = Week.of(weeks(4), "UTC").means("pm25")
    assert utc[0].tolist() == [40.0 + n for n in range(24)] and utc[6, 5] == 55
    local = Week.of(weeks(4), "Europe/Amsterdam")
    tuesdays = sorted(local.value[(local.weekday == 1) & (local.hour == 12)].tolist())
    assert tuesdays == [50, 50, 51, 51]


def test_levels_are_averaged_by_energy_and_few_hours_are_no_mean():
    line = weeks(3)
    line.value[:] = 50
    line.value[0] = 60
    means = Week.of(line, "UTC").means("laeq")
    assert means[0, 0] == pytest.approx(10 * np.log10((1e6 + 1e5 + 1e5) / 3))
    line.value[168 + 5] = np.nan
    assert np.isnan(Week.of(line, "UTC").means("laeq")[0, 5])


def test_a_week_has_its_clock_and_the_bands_of_working_days_and_weekends():
    data = Week.of(weeks(4), "UTC")
    found = drawn(week, data, View("pm25", "hour", "UTC", title="A street"))
    assert found.named("series ") == ["series Monday to Friday", "series Saturday and Sunday"]
    assert found.named("half ") == ["half Monday to Friday", "half Saturday and Sunday"]
    assert {"Monday", "Sunday", "pm25 [µg/m³]"} <= set(found.words)
    assert any("(UTC); each value fills its hour, and is labelled with its end" in word for word in found.words)
    assert "The highest is 73.0 on Saturday from 23 to 24 h." in found.about


def test_a_week_of_few_hours_says_so():
    data = Week.of(weeks(1), "UTC")
    assert "No hour of the week has 3 values yet." in drawn(week, data).about
    text = terminal.week(Week.of(weeks(3), "UTC"), VIEW, terminal.Screen())
    assert next(row for row in text.splitlines() if row.startswith("Mo")).split()[1:4] == ["40", "41", "42"]
    assert "named by its end" in text


SPOTS = [
    Spot("kit-one", 52.0905, 5.1221, 12.0, half=2.0),
    Spot("kit-two", 52.0905, 5.1221, 14.0, half=2.0, coverage=0.5),
    Spot("The Square", 52.1, 5.13, 13.0, official=True),
]


def test_a_map_has_a_scale_and_every_place():
    found = drawn(places, SPOTS)
    assert found.named("place ") == ["place The Square", "place kit-one", "place kit-two"]
    assert {"scale", "N ↑", "official station"} <= {*found.names, *found.words}
    assert "12.0 ± 2.00" in found.words and "13.0" in found.words
    assert found.about.index("kit-two: 14.0") < found.about.index("station The Square: 13.0")


def test_metres_of_a_map_are_metres():
    east, north = places.flat(SPOTS)
    assert north.max() - north.min() == pytest.approx(0.0095 * 111_195, rel=1e-6)
    assert east.max() - east.min() == pytest.approx(0.0079 * 111_195 * np.cos(np.radians(52.095)), rel=1e-3)


def test_kits_of_one_cell_are_both_seen():
    x, y = places.apart(*places.flat(SPOTS))
    assert x[0] == x[1] and abs(y[0] - y[1]) > 30
    alone = places.apart(*places.flat(SPOTS[:1]))
    assert [float(one[0]) for one in alone] == [0, 0]


def test_a_map_on_the_terminal_lists_its_letters():
    text = terminal.places(SPOTS, VIEW, terminal.Screen(80, 20))
    assert "A kit-one: 12.0 ± 2.00" in text and "B kit-two: 14.0 ± 2.00, measured for 50 % of the period" in text
    picture = text[text.index("┌") : text.index("metres to the east")]
    assert all(picture.count(letter) == 1 for letter in ("B", "C"))


def test_a_line_becomes_no_calendar_of_many_years():
    rows = [{"name": f"{year}-06-01", "value": 1.0} for year in (2020, 2026)]
    with pytest.raises(UsageError, match="no room in one picture"):
        answered.days_of("kit-one", rows)
