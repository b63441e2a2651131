# SPDX-License-Identifier: EUPL-1.2
"""The drivers' parsers, on frames of the data sheets and recorded ones, and on values that are none."""

import struct

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.firmware import board
from tests.firmware.frames import (
    BME280_CALIBRATION,
    GOOD,
    bme280_data,
    bme280_humidity,
    crc,
    frame,
    parse,
    pms,
    sds011,
    sps30,
)


def near(wanted):
    return pytest.approx(wanted, abs=1e-3)


def test_the_check_sum_is_that_of_the_data_sheets():
    # SHT4x, table 6; SCD4x, section 3.5.3 and 3.9.2.
    for word, wanted in ((0xBEEF, 0x92), (0x01F4, 0x33), (0x6667, 0xA2), (0x5EB9, 0x3C), (0xF896, 0x31)):
        pair = struct.pack(">H", word)
        assert crc(pair) == wanted
        code = f"from kit.sensors.sensirion import crc8; print(crc8(bytes.fromhex('{pair.hex()}')))"
        assert int(board.run(code)) == wanted


def test_frames_of_data_sheets_and_of_real_sensors():
    recorded = bytes.fromhex("41204c59413a57fe4147f7e9414ab185") + bytes(24)  # avaldebe/PyPMS, issue 25
    climate, dust, carbon, plantower, nova, real = parse(
        [
            ("sht4x", GOOD["sht4x"]),
            ("sps30", GOOD["sps30"]),
            ("scd4x", GOOD["scd4x"]),  # data sheet, section 3.5.3
            ("pms", GOOD["pms"]),  # recorded: avaldebe/PyPMS, tests
            ("sds011", GOOD["sds011"]),  # Laser Dust Sensor Control Protocol V1.3
            ("sps30", frame(*struct.unpack(">20H", recorded))),
        ]
    )
    assert climate == {"temperature": near(-45 + 175 * 0x6666 / 65535), "humidity": near(-6 + 125 * 0x8000 / 65535)}
    assert dust == {"pm1": 1.5, "pm25": 2.5, "pm4": 3.5, "pm10": 4.5}
    assert carbon["co2"] == 500
    assert (round(carbon["temperature"]), round(carbon["humidity"])) == (25, 37)
    assert plantower == {"pm1": 5, "pm25": 13, "pm10": 22}
    assert nova == {"pm25": near(123.6), "pm10": near(261.8)}
    assert real == {"pm1": near(10.0186), "pm25": near(11.6465), "pm4": near(12.498), "pm10": near(12.6684)}


def test_a_sen55_and_a_sen66_by_the_factors_of_their_data_sheets():
    five, six = parse([("sen5x", GOOD["sen5x"]), ("sen66", GOOD["sen66"])])
    assert five == {
        "pm1": near(3.1), "pm25": near(5.5), "pm4": near(6.0), "pm10": near(6.2),
        "humidity": near(48.7), "temperature": near(21.33), "voc_index": near(104.0), "nox_index": near(1.0),
    }  # fmt: skip
    assert six == {**five, "co2": 612}


def test_a_word_that_means_unknown_gives_no_value():
    first, frost, sen54, sen50, no_carbon, zero_carbon, scd = parse(
        [
            ("sen5x", frame(*[0xFFFF] * 4, *[0x7FFF] * 4)),  # in the first second
            ("sen5x", frame(1, 2, 3, 4, 9000, -1000, 0, 0x7FFF)),
            ("sen5x", frame(1, 2, 3, 4, 5000, 4000, 1000, 0x7FFF)),
            ("sen5x", frame(1, 2, 3, 4, *[0x7FFF] * 4)),
            ("sen66", frame(1, 2, 3, 4, 5000, 4000, 1000, 10, 0xFFFF)),
            ("sen66", frame(1, 2, 3, 4, 5000, 4000, 1000, 10, 0)),
            ("scd4x", frame(0, 0x6667, 0x5EB9)),
        ]
    )
    assert first == {}
    assert frost["temperature"] == near(-5.0) and "voc_index" not in frost and "nox_index" not in frost
    assert sen54.keys() == frost.keys() | {"voc_index"}
    assert sen50.keys() == {"pm1", "pm25", "pm4", "pm10"}
    assert "co2" not in no_carbon and "co2" not in zero_carbon and len(no_carbon) == 8
    assert scd.keys() == {"temperature", "humidity"}


def test_humidity_is_cropped():
    low, high = parse([("sht4x", frame(0, word)) for word in (0, 0xFFFF)])
    assert (low["humidity"], high["humidity"], low["temperature"]) == (0, 100, -45)


def test_values_that_are_no_numbers_are_refused():
    wrong = [float("nan"), float("inf"), -1.0, 1e9]
    for answer in parse([("sps30", sps30(value, *[1.0] * 9)) for value in wrong]):
        assert isinstance(answer, str)


def test_dust_that_the_sensor_cannot_measure_is_refused():
    assert parse([("sds011", sds011(9999, 10)), ("sds011", sds011(10000, 10))]) == [
        {"pm25": near(999.9), "pm10": near(1.0)},
        "over 999.9",
    ]


def test_a_plantower_sensor_gives_the_values_for_the_atmosphere():
    (values,) = parse([("pms", pms(90, 91, 92, 60, 61, 62, *[1] * 7))])
    assert values == {"pm1": 60, "pm25": 61, "pm10": 62}


def test_the_example_of_bosch():
    (values,) = parse([("bme280", GOOD["bme280"])])
    assert values["temperature"] == 25.08
    assert values["pressure"] == near(1006.5327)


def test_a_bme280_that_did_not_measure_or_is_not_calibrated_is_refused():
    calibration = BME280_CALIBRATION + bme280_humidity()
    for data in (
        calibration + bme280_data(pressure=0x80000),
        calibration + bme280_data(temperature=0x80000),
        calibration + bme280_data(humidity=0x8000),
        calibration + bme280_data()[:7],
        calibration + bme280_data(temperature=0xFFFFF),
        bytes(33) + bme280_data(),
        b"\xff" * 33 + bme280_data(),
    ):
        assert isinstance(parse([("bme280", data)])[0], str)


def compensate_bosch(raw, t, p, h):
    """The formulas in doubles of the BME280 data sheet, section 8.1: (Cel, hPa, %)."""
    adc_p, adc_t, adc_h = raw
    v1 = (adc_t / 16384 - t[0] / 1024) * t[1]
    v2 = (adc_t / 131072 - t[0] / 8192) ** 2 * t[2]
    fine = v1 + v2
    v1 = fine / 2 - 64000
    v2 = v1 * v1 * p[5] / 32768 + v1 * p[4] * 2
    v2 = v2 / 4 + p[3] * 65536
    v1 = (p[2] * v1 * v1 / 524288 + p[1] * v1) / 524288
    v1 = (1 + v1 / 32768) * p[0]
    x = (1048576 - adc_p - v2 / 4096) * 6250 / v1
    pressure = x + (p[8] * x * x / 2147483648 + x * p[7] / 32768 + p[6]) / 16
    x = fine - 76800
    x = (adc_h - (h[3] * 64 + h[4] / 16384 * x)) * (
        h[1] / 65536 * (1 + h[5] / 67108864 * x * (1 + h[2] / 67108864 * x))
    )
    humidity = x * (1 - h[0] * x / 524288)
    return fine / 5120, pressure / 100, min(max(humidity, 0), 100)


@settings(max_examples=5)
@given(
    st.lists(
        st.tuples(
            st.tuples(st.integers(250000, 520000), st.integers(400000, 524287), st.integers(15000, 32767)),
            st.tuples(st.integers(26000, 29000), st.integers(25500, 27500), st.sampled_from([50, -1000])),
            st.tuples(st.integers(300, 400), st.integers(0, 40), st.integers(250, 400), st.integers(-60, 60)),
        ),
        min_size=50,
        max_size=100,
    )
)
def test_integers_agree_with_the_doubles_of_the_data_sheet(cases):
    p = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
    frames, wanted = [], []
    for raw, t, (h2, h3, h4, h5) in cases:
        first = struct.pack("<HhhHhhhhhhhhBB", *t, *p, 0, 75)
        frames.append(("bme280", first + bme280_humidity(h2, h3, h4, h5, 30) + bme280_data(*raw)))
        wanted.append(compensate_bosch(raw, t, p, (75, h2, h3, h4, h5, 30)))
    compared = 0
    for answer, (temperature, pressure, humidity) in zip(parse(frames), wanted, strict=True):
        if isinstance(answer, str):
            assert not (-39.9 < temperature < 84.9 and 301 < pressure < 1099)
            continue
        compared += 1
        assert answer["temperature"] == pytest.approx(temperature, abs=0.02)
        assert answer["pressure"] == pytest.approx(pressure, abs=0.05)
        assert answer["humidity"] == pytest.approx(humidity, abs=0.1)
    assume(compared > 10)
