# SPDX-License-Identifier: EUPL-1.2
"""A recording goes out as its kit's readings: each value once, with its unit, and nothing where there was nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import DataError, UsageError
from collector.judge.reading import ReadingJudge
from collector.message import Message, decode, encode
from collector.quantities import QUANTITIES
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.replay import Replay
from tests.fakes.acker import Acker

NOON = 1767268800
DEVICE = "toucan-rt01"


def readings(replay):
    return [made.reading for made in replay.columns().readings()]


def test_missing_values_and_empty_rows_are_left_out():
    nan, inf = float("nan"), float("inf")
    replay = Replay(DEVICE, [NOON, NOON + 60, NOON + 120], {"pm25": [5.0, nan, inf], "no2": [nan, nan, 20.0]})
    first, second = readings(replay)
    assert (first.seq, first.t, first.q, first.u) == (1, NOON, {"pm25": 5.0}, None)
    assert (second.seq, second.t, second.q) == (2, NOON + 120, {"no2": 20.0})
    assert replay.firmware == "replayed"


def test_ppb_travel_with_their_unit_and_are_converted_by_the_collector():
    replay = Replay(DEVICE, [NOON], {"no2": [10.0], "o3": [40.0]}, dt=3600, units={"no2": "ppb", "o3": "µg/m³"})
    payload = encode(Message(v=1, boot=1, readings=readings(replay)))
    (found,) = decode(DEVICE, payload).readings
    assert found.u == {"no2": "ppb"}
    rows = {row.quantity: row for row in ReadingJudge()(DEVICE, found, NOON).rows()}
    assert rows["no2"].value == pytest.approx(10 * QUANTITIES["no2"].ug_per_ppb) == pytest.approx(19.13, abs=0.01)
    assert (rows["o3"].value, rows["o3"].t, rows["o3"].dt) == (40.0, NOON, 3600)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(allow_nan=True), st.none() | st.floats(-1e6, 1e6)), min_size=1, max_size=100
    )
)
def test_what_was_recorded_is_what_is_decoded(rows):
    pm25, no2 = (np.array([np.nan if v is None else v for v in column]) for column in zip(*rows, strict=True))
    t = NOON + 60 * np.arange(len(rows))
    made = readings(Replay(DEVICE, t, {"pm25": pm25, "no2": no2}))
    found = decode(DEVICE, encode(Message(v=1, boot=1, readings=made))).readings if made else []
    back = {(one.t, name): value for one in found for name, value in one.q.items()}
    there = {(int(t[i]), "pm25"): v for i, v in enumerate(pm25) if np.isfinite(v)}
    there |= {(int(t[i]), "no2"): v for i, v in enumerate(no2) if np.isfinite(v)}
    assert back == there


@pytest.mark.parametrize(
    ("q", "units", "match"),
    [
        ({"PM 2.5": [1.0]}, {}, "name"),
        ({"pm25": [1.0, 2.0]}, {}, "2 values for 1 times"),
        ({"pm25": [1.0]}, {"pm25": "ppb"}, "ug/m3"),
        ({"pm25": [1.0]}, {"no2": "ppb"}, "no such column"),
        ({"gamma_dose": [1.0]}, {"gamma_dose": "uSv"}, "glossary"),
    ],
)
def test_columns_that_cannot_be_readings_are_told(q, units, match):
    with pytest.raises(DataError, match=match) as error:
        Replay(DEVICE, [NOON], q, units=units)
    assert error.value.hint


def test_a_bad_id_is_told():
    with pytest.raises(UsageError, match="RT 01"):
        Replay("RT 01", [NOON], {"pm25": [1.0]})


def test_a_recording_and_an_empty_one_go_over_a_broker(mosquitto):
    full = Replay(DEVICE, NOON + 60 * np.arange(500), {"no2": np.linspace(1, 50, 500)}, units={"no2": "ppb"})
    empty = Replay("toucan-rt02", [NOON], {"no2": [float("nan")]})
    with Acker(mosquitto.url) as acker:
        fleet = Fleet([full, empty], Sending(mosquitto.url))
        assert fleet.run(timeout=30)
    assert set(acker.taken) == {(DEVICE, 1, seq) for seq in range(1, 501)}
    assert acker.firmware == {"replayed"}
    assert fleet.counts["toucan-rt02"].made == 0
    assert fleet.counts[DEVICE].acknowledged == 500 and fleet.total.left == 0
