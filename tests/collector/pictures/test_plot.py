# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure plot` on a folder: pictures in files and on the terminal, and words for what cannot be drawn."""

from __future__ import annotations

import errno

import pytest

from collector.cli import cli
from collector.errors import NothingFound, SettingError, UsageError
from collector.export import files as whole
from collector.registry import Registry
from collector.settings import Settings
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
    assert "Europe/Amsterdam" in found.about and "not for testing against limit values" in found.about
    assert "is written" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.svg"]


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
