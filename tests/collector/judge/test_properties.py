# SPDX-License-Identifier: EUPL-1.2
"""What must hold for any series: against slow and plain versions, in pieces, and between both judges."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.judge import LIMITS, Flag, qartod
from collector.judge import Test as Bit
from collector.judge.reading import ReadingJudge
from collector.judge.window import SPAN_BEHIND, judge_source, span_before
from collector.message import Reading
from collector.quantities import QUANTITIES
from collector.store.base import Values

HOUR, DAY = 3600, 86400
NOON = 1767261600
VALUE = st.one_of(st.just(math.nan), st.sampled_from([20.0, 20.05, 21.0, 35.0, 5000.0]), st.floats(-100, 100))


@st.composite
def series(draw, value=VALUE, most=60):
    """Times in order, at least a second apart, with gaps; and values."""
    steps = draw(st.lists(st.sampled_from([1, 10, 60, 600, 3600, 9000]), max_size=most))
    t = NOON + np.cumsum(np.array(steps, np.int64))
    dt = np.array([min(step, 3600) for step in steps], np.int64)
    return t, dt, np.array([draw(value) for _ in steps], np.float64)


def slow_span(t, dt, value, seconds):
    """Highest less lowest of what ended within the last `seconds`, one by one."""
    found = []
    for end in t:
        inside = (t > end - seconds) & (t <= end)
        enough = dt[inside].sum() >= 0.75 * seconds and inside.sum() >= 3
        found.append(value[inside].max() - value[inside].min() if enough else math.nan)
    return found


@given(series(), st.sampled_from([120, 1800, 7200, DAY]))
def test_flat_lines_and_weak_signals_are_those_of_a_plain_search(given_, seconds):
    t, dt, value = given_
    present = ~np.isnan(value)
    spans = iter(slow_span(t[present], dt[present], value[present], seconds))
    expected_flat, expected_weak = [], []
    for there in present:
        span = next(spans) if there else None
        lost = 9 if span is None else 2 if math.isnan(span) else 0
        expected_flat.append(lost or (3 if span <= 0.5 else 1))
        expected_weak.append(lost or (3 if span < 0.5 else 1))
    assert qartod.flat_line(t, dt, value, 0.5, seconds).tolist() == expected_flat
    assert qartod.attenuated_signal(t, dt, value, 0.5, None, seconds).tolist() == expected_weak


@given(series())
def test_one_flag_each_missing_where_missing_and_the_worse_limit_wins(given_):
    t, dt, value = given_
    for flags in (
        qartod.gross_range(value, -40, 60),
        qartod.climatology(t, value, ((0.0, 30.0),) * 12),
        qartod.spike(t, dt, value, 3, 10),
        qartod.rate_of_change(t, dt, value, 3, 10),
        qartod.flat_line(t, dt, value, 0.1, 1800, 3600),
        qartod.attenuated_signal(t, dt, value, 2, 1),
    ):
        assert flags.shape == value.shape and set(flags.tolist()) <= {1, 2, 3, 4, 9}
        assert ((flags == Flag.MISSING) == np.isnan(value)).all()
    strict, mild = qartod.spike(t, dt, value, 3, 10), qartod.spike(t, dt, value, 5, 20)
    assert ((mild <= strict) | (mild == Flag.MISSING)).all()


def stored(t, dt, value, tests=0):
    there = ~np.isnan(value)
    n = int(there.sum())
    return Values(t[there], dt[there].astype(np.int32), value[there], np.ones(n, np.uint8), np.full(n, tests, np.int32))


def judged(parts, limits=LIMITS):
    found = judge_source(parts, limits, np.empty(0, np.int64), {})
    return {name: (one.flag.tolist(), one.tests.tolist()) for name, one in found.items()}


@given(series(most=80), st.integers(0, 79), st.sampled_from(["temperature", "pm25", "laeq", "radon"]))
def test_a_piece_with_enough_around_it_has_the_same_flags_as_in_the_whole(given_, at, quantity):
    whole = stored(*given_)
    if not len(whole):
        return
    after = int(whole.t[min(at, len(whole) - 1)]) - 1
    until = after + 2 * HOUR
    start, stop = np.searchsorted(whole.t, [after - span_before(LIMITS), until + SPAN_BEHIND], "right")
    piece = Values(*(getattr(whole, name)[start:stop] for name in ("t", "dt", "value", "flag", "tests")))
    flags, tests = judged({quantity: whole})[quantity]
    some, masks = judged({quantity: piece})[quantity]
    here, there = ((one.t > after) & (one.t <= until) for one in (whole, piece))
    assert np.array(flags)[here].tolist() == np.array(some)[there].tolist()
    assert np.array(tests)[here].tolist() == np.array(masks)[there].tolist()


@given(series(), st.sampled_from(sorted(QUANTITIES)))
def test_judging_anew_changes_no_value_and_judging_twice_changes_nothing(given_, quantity):
    values = stored(*given_, tests=Bit.RECEIVED_TIME | Bit.SPIKE)
    before = values.value.copy()
    first = judge_source({quantity: values}, LIMITS, np.empty(0, np.int64), {})[quantity]
    assert values.value.tobytes() == before.tobytes()
    assert (first.tests & Bit.RECEIVED_TIME).all()
    again = replace(values, flag=first.flag, tests=first.tests)
    second = judge_source({quantity: again}, LIMITS, np.empty(0, np.int64), {})[quantity]
    assert first.flag.tolist() == second.flag.tolist() and first.tests.tolist() == second.tests.tolist()
    faults = first.tests & ~np.int32(Bit.RECEIVED_TIME | Bit.UNKNOWN_QUANTITY)
    assert ((first.flag >= Flag.SUSPECT) == (faults != 0)).all()


READING = st.dictionaries(
    st.sampled_from(["pm1", "pm25", "pm4", "pm10", "humidity", "temperature", "radon"]),
    st.one_of(st.sampled_from([0.0, 95.0, 95.1, 100.0, 20.0, 21.0, 22.0, 22.1, 1e308]), st.floats(-50, 2000)),
    min_size=1,
)


@given(READING, st.booleans())
def test_both_judges_say_the_same_of_a_reading_alone(q, dated):
    judge = ReadingJudge()
    alone = judge("kit-a", Reading(seq=1, dt=60, q=q, t=NOON if dated else None), NOON)
    again = judge("kit-a", Reading(seq=2, dt=60, q=q, t=NOON if dated else None), NOON)
    assert alone == again
    parts = {
        row.quantity: Values.of([(row.t, row.dt, row.value, 1, row.tests & Bit.RECEIVED_TIME)]) for row in alone.rows()
    }
    assert judged(parts) == {row.quantity: ([row.flag], [row.tests]) for row in alone.rows()}
