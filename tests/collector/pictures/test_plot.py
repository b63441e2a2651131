# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure plot` on a folder: pictures in files and on the terminal, and words for what cannot be drawn."""

from __future__ import annotations

import errno

import pytest

from collector.cli import cli
from collector.errors import NothingFound, SettingError, UsageError
from collector.export import files as whole
from collector.moments import HOUR
from collector.registry import Registry
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.collector.export import city
from tests.collector.pictures.reading import Svg, png


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plot") / "data"
    store = SqliteStore(folder)
    with Registry(Settings(folder=folder).registry_url) as registry:
        city.fill(store, registry)
    store.close()
    return folder


def plot(folder, *args):
    cli.main([*("plot", *map(str, args), "--folder", str(folder))], standalone_mode=False)


def test_a_calibrated_series_beside_the_station_becomes_an_svg(folder, tmp_path, capsys):
    plot(folder, "series", "kit-one", "pm25", "--every", "1d", "--beside-station", "--out", tmp_path / "a.svg")
    found = Svg((tmp_path / "a.svg").read_text())
    assert found.named("series ") == ["series Kardinaal de Jongweg (nl10636), 1.2 km away", "series kit-one"]
    assert found.named("interval ") == ["interval kit-one"]
    kit, station = found.path("series kit-one"), found.path("series Kardinaal de Jongweg (nl10636), 1.2 km away")
    assert kit.count("M") > 1 and station.count("M") == 1, "the station measured while the kit did not"
    assert "Europe/Amsterdam" in found.about and "not for testing against limit values" in found.about
    assert "is written" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.svg"]


def test_the_mean_of_a_group_has_a_band_from_its_uncertainty(folder, tmp_path):
    ask = ("around:52.09,5.12,5km", "pm25", "--every", "1d")
    plot(folder, "series", *ask, "--out", tmp_path / "a.svg")
    found = Svg((tmp_path / "a.svg").read_text())
    assert found.named("interval ") == [f"interval {ask[0]}"] and "2 kits" in found.about
    plot(folder, "series", *ask, "--level", "raw", "--out", tmp_path / "raw.svg")
    assert Svg((tmp_path / "raw.svg").read_text()).named("interval ") == []


def test_a_station_beside_two_series_is_drawn_once(folder, tmp_path):
    ask = ("around:52.09,5.12,5km", "kit-one", "pm25", "--every", "1d", "--beside-station")
    plot(folder, "series", *ask, "--out", tmp_path / "a.svg")
    assert len(Svg((tmp_path / "a.svg").read_text()).named("series ")) == 3


def test_a_scatter_beside_the_station_becomes_a_png(folder, tmp_path):
    plot(folder, "scatter", "kit-one", "pm25", "--out", tmp_path / "a.png", "--title", "Beside")
    _, _, texts = png((tmp_path / "a.png").read_bytes())
    assert texts["Title"] == "Beside" and "Kardinaal de Jongweg" in texts["Description"]


def test_without_a_name_it_is_drawn_here(folder, capsys):
    plot(folder, "series", "kit-one", "laeq", "--every", "lnight")
    said = capsys.readouterr().out
    assert "[dB]" in said and "each value is of one night, 23 to 07 h" in said and "Indicative" in said


def test_the_clock_can_be_that_of_the_place(folder, tmp_path):
    plot(folder, "series", "kit-one", "pm25", "--zone", "Europe/Amsterdam", "--out", tmp_path / "a.svg")
    assert any("time (Europe/Amsterdam)" in word for word in Svg((tmp_path / "a.svg").read_text()).words)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (("series", "kit-one", "pm25", "--out", "a.gif"), UsageError, "no name for a picture"),
        (("series", "kit-one", "pm25", "--last", "1m"), NothingFound, "no values of pm25"),
        (("series", "kit-three", "pm25"), NothingFound, "no values of pm25 from kit-three"),
        (("series", *("kit-one",) * 7, "pm25"), UsageError, "7 series cannot be told apart"),
        (("series", "kit-one", "pm25", "--zone", "Mars/Base"), UsageError, "no time zone"),
        (("scatter", "kit-one", "pm25", "--every", "minute"), UsageError, "moments of their own"),
        (("scatter", "kit-two", "pm25"), NothingFound, "no station beside kit-two"),
        (("scatter", "kit-one", "pm25", "--against", "station:none"), NothingFound, "from station:none"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(folder, args, error, words):
    with pytest.raises(error, match=words) as caught:
        plot(folder, *args)
    assert caught.value.hint


def test_a_series_that_is_too_long_to_be_seen_is_refused(folder, monkeypatch):
    monkeypatch.setattr("collector.pictures.answered.MOST_VALUES", 100)
    with pytest.raises(UsageError, match="no picture has so many dots"):
        plot(folder, "series", "kit-one", "pm25")


def test_a_missing_package_is_named_with_its_extra(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingError, match="needs the Python package matplotlib") as caught:
        plot(folder, "series", "kit-one", "pm25")
    assert caught.value.hint == "pip install 'citimeasure[pictures]'"


def test_a_full_disk_leaves_the_old_picture_and_nothing_half_written(folder, tmp_path, monkeypatch):
    (tmp_path / "a.svg").write_text("old")

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole, "finish", full)
    with pytest.raises(SettingError, match="No space left"):
        plot(folder, "series", "kit-one", "pm25", "--out", tmp_path / "a.svg")
    assert [one.name for one in tmp_path.iterdir()] == ["a.svg"] and (tmp_path / "a.svg").read_text() == "old"


def test_a_calendar_of_nights_and_a_week_become_pictures(folder, tmp_path, capsys):
    plot(folder, "calendar", "kit-one", "laeq", "--every", "lnight", "--out", tmp_path / "a.svg")
    found = Svg((tmp_path / "a.svg").read_text())
    assert len(found.named("day ")) > 15 and "by the night, 23 to 07 h (Europe/Amsterdam)" in found.about
    plot(folder, "week", "kit-one", "pm25", "--out", tmp_path / "b.svg")
    about = Svg((tmp_path / "b.svg").read_text()).about
    assert "(Europe/Amsterdam)" in about and "90 % interval of a value: mostly ±" in about
    plot(folder, "week", "kit-one", "laeq")
    assert "fewer than three values" in capsys.readouterr().out


def test_a_map_shows_places_on_the_grid_and_stations_beside(folder, tmp_path):
    plot(folder, "map", "around:52.09,5.12,5km", "pm25", "--out", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    found = Svg(text)
    assert found.named("place ") == ["place Kardinaal de Jongweg", "place kit-one", "place kit-two"]
    assert "52.0907" not in text and "5.1214" not in text
    assert "Mean from 20 January 2026" in found.about


def test_a_map_leaves_out_whose_hosts_do_not_allow_it(tmp_path, capsys):
    store = SqliteStore(tmp_path / "data")
    with Registry(Settings(folder=tmp_path / "data").registry_url) as registry:
        host = registry.people.add("A Host", "a@example.org")
        registry.add_project("street", "A street")
        for kit, owner, grid in (("kit-open", None, "1km"), ("kit-shut", host.id, "1km"), ("kit-gone", None, "none")):
            registry.add_device("kit-1", kit, simulated=kit == "kit-open")
            registry.start_deployment(
                kit, city.BEGIN, latitude=52.0907, longitude=5.1214, grid=grid, host=owner, project="street"
            )
            store.write([Row(kit, "laeq", city.BEGIN + n * HOUR, HOUR, 50.0 + n, 1, 0) for n in range(1, 9)])

        def drawn():
            plot(tmp_path / "data", "map", "project:street", "laeq")
            return capsys.readouterr().out

        before = drawn()
        registry.people.decide(host.id, "map", True)
        after = drawn()
    store.close()
    assert "A kit-open: 55.1" in before and "kit-shut" not in before
    assert "SIMULATED: 1 of the kits" in before
    assert "Left out, as their hosts do not allow it: 1." in before
    assert "Left out, without a public place: 1." in before
    assert "kit-shut: 55.1" in after and "do not allow it" not in after


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (("map", "kit-one", "pm25"), UsageError, "a map wants a group"),
        (("map", "around:10.0,5.12,1km", "pm25"), NothingFound, "no kit in around"),
        (("map", "around:52.09,5.12,5km", "co2"), NothingFound, "no values of co2 that can be on a map"),
        (("calendar", "kit-one", "pm25", "--every", "lnight"), UsageError, "made of sound levels"),
        (("week", "kit-one", "la90"), UsageError, "percentiles do not average"),
    ],
)
def test_what_has_no_map_calendar_or_week_is_said(folder, args, error, words):
    with pytest.raises(error, match=words) as caught:
        plot(folder, *args)
    assert caught.value.hint
