# SPDX-License-Identifier: EUPL-1.2
"""The table of limits, and a city's own limits over it."""

import pytest

from collector.errors import SettingError
from collector.judge import LIMITS, Flag, Limits, load_limits, names
from collector.judge import Test as Bit
from collector.judge.reading import ReadingJudge
from collector.judge.window import span_before
from collector.message import Reading
from collector.quantities import QUANTITIES
from tests.journeys.collecting import citimeasure

NOON = 1767261600


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "limits.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_limits(str(path))

    return load


def test_the_table_is_about_quantities_that_there_are_and_fails_later_than_it_suspects():
    assert set(LIMITS) <= set(QUANTITIES)
    assert {"pm1", "pm25", "pm4", "pm10"} <= set(LIMITS)
    for one in LIMITS.values():
        for test in ("spike", "rate", "flat"):
            ending = "_h" if test == "flat" else ""
            suspect, fail = (getattr(one, f"{test}_{grade}{ending}") for grade in ("suspect", "fail"))
            assert fail is None or (suspect is not None and suspect < fail)
        assert one.attenuated_fail is None or one.attenuated_fail < (one.attenuated_suspect or 0)


def test_each_test_has_one_bit_of_its_own():
    assert [one.value for one in Bit] == [2**n for n in range(len(Bit))]
    assert names(sum(Bit)) == [str(one.name).lower() for one in Bit] and names(0) == []


def test_without_a_file_the_table_holds():
    assert load_limits("") is LIMITS


def test_a_file_overrides_single_limits_and_leaves_the_rest(load):
    table = load('[temperature]\nrate_suspect = 2\nspike_fail = "none"\nclimatology.jan = [-20, 18]\n')
    one = table["temperature"]
    assert (one.rate_suspect, one.spike_fail, one.rate_fail) == (2.0, None, LIMITS["temperature"].rate_fail)
    assert one.climatology == ((-20.0, 18.0), *[None] * 11)
    assert {name: table[name] for name in LIMITS if name != "temperature"} == {
        name: limits for name, limits in LIMITS.items() if name != "temperature"
    }


def test_a_quantity_that_the_table_lacks_can_be_given_limits(load):
    lacking = next(name for name in QUANTITIES if name not in LIMITS)
    assert load(f"[{lacking}]\nrate_suspect = 5\n")[lacking] == Limits(rate_suspect=5.0)


def test_a_longer_flat_line_looks_further_back(load):
    assert span_before(LIMITS) == 24 * 3600
    assert span_before(load("[pm25]\nflat_fail_h = 48\n")) == 48 * 3600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[temperature", "cannot be read"),
        (b"\xff", "cannot be read"),
        ("temperature = 5", "write [temperature], and its limits below"),
        ("[dust]\nrate_suspect = 1", "the glossary has no such quantity"),
        ("[pm25]\nrate = 1", "there is no limit 'rate'"),
        ("[pm25]\nrate_suspect = '1'", "rate_suspect is a number, not '1'"),
        ("[pm25]\nrate_suspect = true", "rate_suspect is a number"),
        ("[pm25]\nrate_suspect = nan", "rate_suspect is a number"),
        ("[pm25]\nrate_suspect = -1", "cannot be negative"),
        ("[pm25]\nflat_tolerance = 'none'", "flat_tolerance is a number"),
        ("[pm25]\nclimatology = 5", "climatology names months"),
        ("[pm25]\nclimatology.january = [0, 1]", "climatology names months"),
        ("[pm25]\nclimatology.jan = [1]", "[lowest, highest]"),
        ("[pm25]\nclimatology.jan = [2, 1]", "the lowest first"),
        ("[pm25]\nclimatology.jan = ['a', 1]", "is a number"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_with_it(load, text, words):
    with pytest.raises(SettingError) as caught:
        load(text)
    assert words in str(caught.value) and "limits.toml" in str(caught.value)


def test_a_file_that_is_not_there_stops_the_command_with_a_sentence(tmp_path):
    done = citimeasure("judge", "--last", "1d", "--folder", tmp_path, ok=False, CITIMEASURE_LIMITS=str(tmp_path / "x"))
    assert done.returncode != 0 and "Correct the setting limits." in done.stderr


def test_readings_are_judged_with_the_file_s_limits_too(load):
    judge = ReadingJudge(load("[pm25]\nhumidity_above = 80\n"))
    found = judge("kit-a", Reading(seq=1, dt=60, q={"pm25": 5.0, "pm10": 9.0, "humidity": 90.0}, t=NOON), NOON)
    assert found.flags == (Flag.SUSPECT, Flag.PASS, Flag.PASS) and found.tests == (Bit.HUMIDITY, 0, 0)


# Slack of 1 ug/m3 and 5 %: beside 20 of the larger size, up to 22.0 of the smaller one.
@pytest.mark.parametrize(
    ("q", "flags", "tests"),
    [
        ({"pm25": 22.0, "pm10": 20.0}, (1, 1), (0, 0)),
        ({"pm25": 22.1, "pm10": 20.0}, (3, 3), (64, 64)),
        ({"pm10": 20.0, "pm25": 22.1}, (3, 3), (64, 64)),
        ({"pm1": 30.0, "pm10": 20.0}, (3, 3), (64, 64)),
        ({"pm1": 9.0, "pm25": 30.0, "pm10": 20.0}, (1, 3, 3), (0, 64, 64)),
        ({"pm25": 22.1, "pm10": -20.0}, (1, 4), (0, 1)),  # what cannot be is no evidence
        ({"pm25": 5.0, "humidity": 95.0}, (1, 1), (0, 0)),
        ({"pm25": 5.0, "humidity": 95.1}, (3, 1), (32, 0)),
        ({"pm25": 5.0, "humidity": 101.0}, (1, 4), (0, 1)),
        ({"humidity": 99.0, "temperature": 5.0}, (1, 1), (0, 0)),
        ({"pm25": 22.1, "pm10": 20.0, "humidity": 96.0}, (3, 3, 1), (96, 96, 0)),
        ({"radon": 5.0, "pm25": 5.0}, (2, 1), (2, 0)),
    ],
)
def test_a_reading_by_itself(q, flags, tests):
    found = ReadingJudge()("kit-a", Reading(seq=1, dt=60, q=q, t=NOON), NOON)
    assert (found.flags, found.tests) == (flags, tests)
    late = ReadingJudge()("kit-a", Reading(seq=1, dt=60, q=q, t=None), NOON)
    assert (late.flags, late.tests) == (flags, tuple(one | 4 for one in tests))
