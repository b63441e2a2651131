# SPDX-License-Identifier: EUPL-1.2
"""The report of `calibrate evaluate`: its page needs nothing else, its pictures show what its table says."""

from __future__ import annotations

import base64
import errno
from html.parser import HTMLParser

import numpy as np
import pytest

from calibration.evaluation import Aim, evaluate_unit
from collector.cli import cli
from collector.errors import NothingFound, SettingError, UsageError
from collector.export import files as whole
from collector.pictures import residuals, target
from collector.pictures.evaluation import pictures
from collector.pictures.files import as_svg
from collector.pictures.page import verdict
from collector.pictures.residuals import Residuals
from collector.pictures.style import View
from collector.pictures.target import Mark
from collector.registry import Registry
from collector.settings import Settings
from collector.store.sqlite import SqliteStore
from tests.calibration.simulated import simulate
from tests.collector.export import city
from tests.collector.pictures.reading import Svg, png
from tests.collector.test_evaluate import COLUMNS, write

AIM = Aim("pm25", "ug/m3", 25.0)
KINDS = ("fortnight", "residuals", "scatter", "series", "target")
VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """What a page consists of; every element that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.addresses, self.pictures, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.addresses += [found[name] for name in ("src", "href", "srcset", "data", "action") if name in found]
        if tag == "img":
            self.pictures.append((found["alt"], found["src"]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def evaluate(file, *args):
    cli.main(["calibrate", "evaluate", str(file), *COLUMNS, "--zone", "UTC", *map(str, args)], standalone_mode=False)


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    towns = {"<b>a & b</b>": simulate(60), "b/$2": simulate(60, seed=2)}
    return write(tmp_path_factory.mktemp("hours") / "hours.csv", towns)


@pytest.fixture(scope="module")
def report(hours, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(hours, "--unit", "sensor", "--html", folder / "report.html", "--pictures", folder / "drawn")
    return folder


@pytest.fixture(scope="module")
def one():
    town = simulate(60)
    return evaluate_unit(town.t, town.sensor, town.reference, AIM)


def test_a_report_is_one_page_that_asks_nobody_for_anything(report):
    page = Page((report / "report.html").read_text())
    assert page.addresses and all(one.startswith("data:image/svg+xml;base64,") for one in page.addresses)
    text = (report / "report.html").read_text()
    assert "@import" not in text and "url(" not in text and "<script" not in text


def test_a_report_says_everything_in_words(report):
    words = " ".join(Page((report / "report.html").read_text()).words)
    for said in ("no sensor", "raw", "guarded_blend", "refused:", "not for testing against limit values",
                 "What was left out", "Do the labels fit?", "Record", "<b>a & b</b>", "b/$2"):  # fmt: skip
        assert said in words


def test_every_picture_of_a_report_is_whole_and_has_its_words(report):
    drawn = Page((report / "report.html").read_text()).pictures
    assert len(drawn) == 2 * len(KINDS)
    for alt, source in drawn:
        svg = Svg(base64.b64decode(source.partition(",")[2]).decode())
        assert svg.about == alt and len(alt) > 80


def test_each_picture_lies_in_the_folder_twice(report):
    names = sorted(one.name for one in (report / "drawn").iterdir())
    assert names == sorted(f"{unit}-{kind}.{end}" for unit in ("b-a-b-b", "b-2") for kind in KINDS
                           for end in ("png", "svg"))  # fmt: skip
    for path in (report / "drawn").glob("*.png"):
        svg = Svg(path.with_suffix(".svg").read_text())
        assert png(path.read_bytes())[2]["Title"] == svg.title


def test_the_same_file_gives_the_same_report(hours, report, tmp_path):
    evaluate(hours, "--unit", "sensor", "--html", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == (report / "report.html").read_bytes()


def test_pictures_show_the_test_hours_only(one):
    drawn = {picture.name: picture for picture in pictures(one, AIM)}
    n = int(one.test.sum())
    assert f"{n} pairs" in drawn["scatter"].alt
    assert drawn["scatter"].alt.count("pairs") == 2, "as measured, and corrected"
    svg = Svg(as_svg(drawn["series"].figure, "", drawn["series"].alt))
    assert svg.named("interval ") == ["interval corrected by guarded_blend"]
    assert {"series corrected by guarded_blend", "series reference"} <= set(svg.names)
    assert "humidity [%]" in Svg(as_svg(drawn["residuals"].figure, "", "")).words


def test_a_sensor_in_another_unit_is_not_drawn_against_the_reference():
    town = simulate(40)
    aim = Aim("pm25", "ug/m3", raw_comparable=False)
    found = {
        picture.name: picture for picture in pictures(evaluate_unit(town.t, town.sensor, town.reference, aim), aim)
    }
    assert "as measured" not in found["scatter"].alt and "raw" not in found["target"].alt


def test_places_in_a_target_diagram_are_bias_and_scatter():
    rng = np.random.default_rng(3)
    reference = rng.normal(10, 3, 4000)
    for factor in (0.5, 2.0):
        value = reference.mean() + factor * (reference - reference.mean()) + 1.5
        error = value - reference
        slope, r2 = np.polyfit(reference, value, 1)[0], np.corrcoef(reference, value)[0, 1] ** 2
        mark = Mark("a", float(np.sqrt(np.mean(error**2))), float(error.mean()), slope, r2)
        x, y = mark.place(float(reference.std()))
        assert (x, y) == pytest.approx((factor - 1, 1.5 / reference.std()), rel=1e-6)


def test_the_mean_of_the_reference_lies_on_the_circle(one):
    drawn = {picture.name: picture for picture in pictures(one, AIM)}["target"]
    assert "no sensor" in Svg(as_svg(drawn.figure, "", "")).names
    none = next(row for row in one.rows if row.model == "no sensor")
    assert none.rmse**2 - none.bias**2 == pytest.approx(np.var(one.reference[one.test]))
    far = target.Marks([Mark("far", 40.0, 30.0, 2.0, 0.9)], 1.0)
    assert "far (farther out)" in Svg(as_svg(target.draw(far, View("pm25", "hour", "UTC")), "", "")).words


def test_residuals_show_what_bends():
    humidity = np.linspace(20, 100, 400)
    bent = Residuals(np.arange(400) * 3600, (humidity - 60) / 10, {"humidity [%]": humidity})
    x, y = residuals.middles(humidity, bent.residual)
    assert len(x) == residuals.PARTS and y == pytest.approx((x - 60) / 10)
    view = View("pm25", "hour", "UTC")
    svg = Svg(as_svg(residuals.draw(bent, view), "", residuals.alt(bent, view)))
    assert {"humidity [%]", "error [µg/m³]"} <= set(svg.words)
    assert "from −3.6" in svg.about


def test_a_sensor_that_tells_nothing_is_called_so():
    town = simulate(40)
    noise = np.random.default_rng(5).normal(20, 4, len(town.t))
    found = evaluate_unit(town.t, {"raw": noise}, town.reference, AIM)
    assert "told next to nothing" in verdict(found, AIM)


def test_names_and_packages_are_looked_at_before_the_work(hours, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no name for a page"):
        evaluate(hours, "--unit", "sensor", "--html", tmp_path / "report.pdf")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingError, match="needs the Python package matplotlib"):
        evaluate(hours, "--unit", "sensor", "--html", tmp_path / "report.html")


def test_a_full_disk_leaves_no_half_report(hours, tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole, "finish", full)
    with pytest.raises(SettingError, match="No space left"):
        evaluate(hours, "--unit", "sensor", "--html", tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_few_wild_hours_do_not_press_the_others_flat():
    residual = np.sin(np.arange(2000.0))
    residual[700] = 80.0
    data = Residuals(np.arange(2000) * 3600, residual, {"humidity [%]": np.linspace(20, 90, 2000)})
    view = View("pm25", "hour", "UTC")
    texts = [as_svg(residuals.draw(data, view), "", residuals.alt(data, view)) for _ in range(2)]
    assert texts[0] == texts[1] and len(texts[0]) < 300_000, "many dots are an image"
    svg = Svg(texts[0])
    assert "1 hour lies beyond the frame, up to 80.0 µg/m³" in svg.words and "The largest error is 80.0." in svg.about
    assert residuals.draw(data, view).axes[0].get_ylim()[1] < 3


def test_kits_in_the_store_get_the_same_report(tmp_path):
    store = SqliteStore(tmp_path / "data")
    with Registry(Settings(folder=tmp_path / "data").registry_url) as registry:
        city.fill(store, registry)
    store.close()
    ask = ["calibrate", "evaluate", *city.KITS, "pm25", "--station", "nl10636", "--folder", str(tmp_path / "data")]
    cli.main([*ask, "--html", str(tmp_path / "report.html")], standalone_mode=False)
    page = Page((tmp_path / "report.html").read_text())
    words = " ".join(page.words)
    assert "Beside Kardinaal de Jongweg" in words and all(kit in words for kit in city.KITS)
    assert len(page.pictures) == 2 * len(set(KINDS) - {"fortnight"})
    with pytest.raises(UsageError, match="--models cannot be used with a report"):
        cli.main([*ask, "--models", "--html", str(tmp_path / "b.html")], standalone_mode=False)
    with pytest.raises(NothingFound, match="no station"):
        cli.main([*ask[:6], "none", *ask[7:], "--html", str(tmp_path / "b.html")], standalone_mode=False)
    assert not (tmp_path / "b.html").exists()
