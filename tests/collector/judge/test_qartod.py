# SPDX-License-Identifier: EUPL-1.2
"""Each test of QARTOD on short series whose flags were worked out by hand from its definition."""

import numpy as np
import pytest

from collector.judge import qartod

NAN = np.nan
START = 1767261600  # 2026-01-01 10:00 UTC


def times(n, step=60):
    return START + step * np.arange(1, n + 1)


def run(test, values, *limits, step=60, dt=None):
    values = np.array(values, float)
    return test(times(len(values), step), np.full(len(values), dt or step), values, *limits).tolist()


def test_the_gross_range_includes_both_its_ends():
    value = np.array([-40.0, 60.0, np.nextafter(60, 61), -40.1, NAN, np.inf, -np.inf])
    assert qartod.gross_range(value, -40, 60).tolist() == [1, 1, 4, 4, 9, 4, 4]


def at(text):
    return np.datetime64(text).astype("datetime64[s]").astype(np.int64)


def test_climatology_is_that_of_the_month_in_utc():
    months = tuple((-10.0, 12.0) if n == 0 else (-5.0, 15.0) if n == 1 else None for n in range(12))
    t = np.array([at("2026-01-31T23:59:59"), at("2026-02-01T00:00:00"), at("2026-03-01T00:00:00"), at("1999-01-07")])
    assert qartod.climatology(t, np.full(4, 13.0), months).tolist() == [3, 1, 2, 3]
    assert qartod.climatology(t, np.full(4, NAN), months).tolist() == [9, 9, 9, 9]
    assert qartod.climatology(t, np.array([12.0, -5.0, 0.0, -10.0]), months).tolist() == [1, 1, 2, 1]
    assert qartod.climatology(t, np.full(4, 13.0), ()).tolist() == [2, 2, 2, 2]


# Limits of 3 (suspect) and 10 (fail). The heights: 3.0 is none; 3.1 is one; 10.1 fails; downwards is the same.
@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([20, 20, 20], [2, 1, 2]),
        ([20, 23.0, 20], [2, 1, 2]),
        ([20, 23.1, 20], [2, 3, 2]),
        ([20, 30.1, 20], [2, 4, 2]),
        ([20, 9.9, 20], [2, 4, 2]),
        ([20, 30.0, 28.0], [2, 1, 2]),  # the smaller step is 2
        ([20, 30, 40, 50], [2, 1, 1, 2]),  # a slope
        ([20, 20, 30, 30], [2, 1, 1, 2]),  # a step
        ([20, 25, 20, 25, 20], [2, 3, 3, 3, 2]),
        ([20, NAN, 25, 20], [2, 9, 3, 2]),  # beside a value that is missing, the next one counts
        ([20, 25], [2, 2]),
        ([20], [2]),
        ([], []),
    ],
)
def test_a_spike_stands_out_from_both_sides(values, flags):
    assert run(qartod.spike, values, 3, 10) == flags


def test_a_spike_is_not_looked_for_across_a_gap():
    t = np.array([0, 60, 20_000, 20_060, 20_120])
    value = np.array([20.0, 20.0, 40.0, 20.0, 20.0])
    assert qartod.spike(t, np.full(5, 60), value, 3, 10).tolist() == [2, 2, 2, 1, 2]


# Limits of 3 (suspect) and 10 (fail) in a minute.
@pytest.mark.parametrize(
    ("values", "step", "flags"),
    [
        ([20, 23, 20], 60, [2, 1, 1]),
        ([20, 23.1, 20], 60, [2, 3, 3]),
        ([20, 30.1, 20], 60, [2, 4, 4]),
        ([20, 49, 80, 200], 600, [2, 1, 3, 4]),  # 2.9, 3.1 and 12 in a minute
        ([20, 22.9, 26.1], 10, [2, 1, 3]),  # less than a minute counts as one
        ([20, NAN, 26, 33], 60, [2, 9, 1, 3]),  # 6 in two minutes, 7 in one
        ([], 60, []),
    ],
)
def test_the_rate_of_change_is_that_since_the_value_before(values, step, flags):
    assert run(qartod.rate_of_change, values, 3, 10, step=step) == flags


def test_no_rate_is_told_across_a_gap():
    t, value = np.array([0, 10_000]), np.array([20.0, 2000.0])
    assert qartod.rate_of_change(t, np.full(2, 60), value, 3, 10).tolist() == [2, 2]


# Suspect after half an hour, fail after an hour, of values of ten minutes; 75 % must be there: 3 (of 3), 5 (of 6).
@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([5, 6, 7, 8], [2, 2, 1, 1]),
        ([7, 7, 7, 7, 8], [2, 2, 3, 3, 1]),
        ([7, 7, 7, 7, 7, 7, 7], [2, 2, 3, 3, 4, 4, 4]),
        ([7, 7.05, 7, 7.05], [2, 2, 3, 3]),
        ([7, 7.06, 7, 7.06], [2, 2, 1, 1]),
        ([7.00, 7.04, 7.08, 7.12], [2, 2, 1, 1]),  # creeps: every three together differ by more
        ([7, NAN, 7, 7], [2, 9, 2, 2]),  # only two of three were measured
    ],
)
def test_a_flat_line_is_one_value_for_too_long(values, flags):
    assert run(qartod.flat_line, values, 0.0500001, 1800, 3600, step=600) == flags


def test_a_flat_line_needs_three_values_and_no_limit_means_no_test():
    assert run(qartod.flat_line, [5, 5, 5], 0.1, 3600, None, step=3600) == [2, 2, 2]
    assert run(qartod.flat_line, [5, 5, 5], 0.1, None, None) == [2, 2, 2]


def test_an_attenuated_signal_moves_too_little_in_a_day():
    flat = [50.0] * 17
    # The 18th hour makes 75 % of a day.
    assert run(qartod.attenuated_signal, [*flat, 50.0], 2, 1, step=3600) == [2] * 17 + [4]
    assert run(qartod.attenuated_signal, [*flat, 51.0], 2, 1, step=3600) == [2] * 17 + [3]
    assert run(qartod.attenuated_signal, [*flat, 52.0], 2, 1, step=3600) == [2] * 17 + [1]
    assert run(qartod.attenuated_signal, [*flat, NAN], 2, 1, step=3600) == [2] * 17 + [9]
    # What moved a day ago is out of sight: the 25th value sees the 2nd to the 25th.
    assert run(qartod.attenuated_signal, [60.0] + [50.0] * 24, 2, 1, step=3600)[-2:] == [1, 4]


def test_a_neighbour_is_compared_with_the_median_and_the_spread_of_the_others():
    # Median 11, median absolute deviation 1, so three spreads are 4.4478; the floor is 2, the share 10 %.
    others = np.array([[10.0], [11.0], [12.0]])

    def flag(own, others=others, floor=2.0, share=0.1):
        return qartod.neighbour(np.array([own]), others, floor, share).tolist()

    assert flag(11 + 4.44) == [1] and flag(11 + 4.46) == [3]
    assert flag(11 - 4.44) == [1] and flag(11 - 4.46) == [3]
    assert flag(16.9, floor=6.0) == [1] and flag(17.1, floor=6.0) == [3]
    assert flag(21.9, share=1.0) == [1] and flag(22.1, share=1.0) == [3]
    assert flag(NAN) == [9]
    assert flag(99.0, others=np.array([[10.0], [11.0], [NAN]])) == [2]
    assert flag(99.0, others=np.empty((0, 1))) == [2]


def test_a_limit_that_is_none_makes_no_flag():
    wild = [0, 1000, 0, 1000]
    assert run(qartod.spike, wild, None) == [2, 1, 1, 2]
    assert run(qartod.rate_of_change, wild, None) == [2, 1, 1, 1]
    assert run(qartod.spike, wild, None, 10) == [2, 4, 4, 2]
    assert run(qartod.attenuated_signal, [50.0] * 24, None, step=3600) == [2] * 17 + [1] * 7
