# SPDX-License-Identifier: EUPL-1.2
"""The noise kernel on the real MicroPython: bit for bit the model, near the analytic curves, never out of 32 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import board
from tests.firmware.noise import model
from tests.firmware.noise.model import BLOCK, RATE, Model


def weigh(folder, columns, skip=0, block=BLOCK):
    """The kernel over each column of samples: mean sum of squares (C, A) and the state after the last block."""
    paths = []
    for number, column in enumerate(columns.T):
        paths.append(folder / f"{number}.raw")
        paths[-1].write_bytes(np.ascontiguousarray(column, dtype="<i4").tobytes())
    lines = board.run("weigh", skip, block, *paths).splitlines()
    numbers = np.array([[int(word) for word in line.split()] for line in lines])
    return numbers[:, :2], numbers[:, 2:]


def levels(sums, n):
    """10 lg of mean squares, with the gains, as (C, A) [dB]; a full-scale sine is 20 lg 2^17 - 3.01."""
    return 10 * np.log10(sums / n) + (model.GAIN_C, model.GAIN_A)


def sines(hertz, amplitude, seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    return model.samples(amplitude * np.sin(2 * np.pi * np.outer(t, hertz)))


def coloured(rng, shape, weighting, n):
    """Noise of n samples whose spectrum of amplitudes is `shape(hertz)`; and its exact rms behind `weighting`."""
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum = np.zeros(len(hertz), complex)
    heard = (hertz > 15) & (hertz < 20000)
    spectrum[heard] = shape(hertz[heard]) * np.exp(2j * np.pi * rng.random(heard.sum()))
    signal = np.fft.irfft(spectrum, n)
    spectrum[heard] *= 10 ** (weighting(hertz[heard]) / 20)
    return signal, np.sqrt(2 * np.sum(np.abs(spectrum) ** 2)) / n


def hard_signals():
    """Columns that try every corner: squares, steps, bursts, sines, noise, silence, all at full scale."""
    rng = np.random.default_rng(7)
    n = 4 * BLOCK
    t = np.arange(n)
    columns = [np.sign(np.sin(2 * np.pi * hertz * t / RATE + 0.1)) for hertz in (10, 20.6, 41, 107, 738, 5000, 23999)]
    columns += [np.where(t < half, -1.0, 1.0) for half in (600, 2400)]
    columns += [np.sin(2 * np.pi * hertz * t / RATE) for hertz in (15, 1000, 12194)]
    columns += [rng.uniform(-1, 1, n), rng.choice([-1.0, 1.0], n), np.zeros(n), np.ones(n), -np.ones(n)]
    columns += [np.where(t % 1500 == 0, 1.0, 0.0), rng.normal(0, 1e-5, n), np.full(n, -(2.0**-23))]
    return model.samples(np.stack(columns, axis=1))


def test_the_kernel_is_the_model_bit_for_bit_on_the_hardest_signals(tmp_path):
    hard = hard_signals()
    ours = Model(hard.shape[1])
    for start in range(0, len(hard), BLOCK):
        for sums in ours.low_high:
            sums[:] = 0
        ours.weigh(hard[start : start + BLOCK])
    _, state = weigh(tmp_path, hard)
    np.testing.assert_array_equal(state, ours.state())
    assert ours.clips.max() > 1000 and 2**30 < ours.largest < 2**31


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_the_kernel_is_the_model_on_any_block(tmp_path_factory, data):
    number = st.one_of(
        st.integers(-(2**31), 2**31 - 1), st.sampled_from([0, -1, 1, 2**31 - 1, -(2**31), 2**14, -(2**14) - 1])
    )
    runs = st.lists(st.tuples(number, st.integers(1, 40)), min_size=20, max_size=60)
    columns = [
        [value for value, times in run for _ in range(times)][:400]
        for run in data.draw(st.lists(runs, min_size=3, max_size=6))
    ]
    block = np.zeros((max(map(len, columns)), len(columns)), np.int32)
    for at, column in enumerate(columns):
        block[: len(column), at] = column
    ours = Model(len(columns))
    ours.weigh(block)
    _, state = weigh(tmp_path_factory.mktemp("any"), block, block=len(block))
    np.testing.assert_array_equal(state, ours.state())


def test_no_input_at_all_can_leave_32_bits():
    """The worst input for a number inside is the one whose signs are those of the impulse response that leads there.

    The sum of the response's absolute values bounds the number for every input; a generous allowance is made for
    rounding. What follows the clipping begins anew with +-65535.
    """
    n = 40000
    impulse = np.zeros(n)
    impulse[0] = 1.0

    def high_pass(signal, k):
        out, low = np.empty(n), 0.0
        for i, x in enumerate(signal):
            out[i] = x - low
            low += out[i] * k
        return out

    def low_pass(signal):
        out, last = np.empty(n), 0.0
        for i, x in enumerate(signal):
            last = out[i] = x - (x - last) / 4
        return out

    def bound(response, largest):
        return np.abs(response).sum() * largest + 100

    once = high_pass(impulse, 1412 / 2**19)
    twice = high_pass(once, 1412 / 2**19)
    smooth = low_pass(twice)
    smoother = low_pass(smooth)
    assert bound(once, 2**19) * 1412 < 2**31 and bound(twice, 2**19) * 1412 < 2**31
    assert bound(impulse - once, 2**19) * 2**10 < 2**31 and bound(once - twice, 2**19) * 2**10 < 2**31
    for one in (twice, smooth, smoother):
        assert bound(one, 2**19) * 2**6 * 2 < 2**31
    third = high_pass(impulse, 1834 / 2**17)
    fourth = high_pass(third, 1508 / 2**14)
    assert bound(third, 65535) * 1834 < 2**31 and bound(fourth, 65535) * 1508 < 2**31
    assert bound(impulse - third, 65535) * 2**10 < 2**31 and bound(third - fourth, 65535) * 2**10 < 2**31
    assert BLOCK * 65535 < 2**31


def test_the_coefficients_are_those_of_the_poles():
    for factor, bits, hertz in ((1412, 19, model.POLES[0]), (1834, 17, model.POLES[1]), (1508, 14, model.POLES[2])):
        assert factor / 2**bits == pytest.approx(1 - np.exp(-2 * np.pi * hertz / RATE), rel=5e-4)


@pytest.mark.parametrize("dbfs", [-7, -26, -46])
def test_weightings_are_right_from_31_hz_to_8_khz_and_within_class_2_to_16_khz(tmp_path, dbfs):
    sums, state = weigh(tmp_path, sines(model.THIRDS, 10 ** (dbfs / 20), 1.5), skip=20)
    assert not state[:, 10].any(), "clipped"
    got = levels(sums, 40 * BLOCK) - 20 * np.log10(2**17 / np.sqrt(2)) - dbfs
    errors = got - np.stack([model.c_weighting(model.THIRDS), model.a_weighting(model.THIRDS)], axis=1)
    heard = np.array(model.NOMINAL) <= 8000
    assert np.abs(errors[heard]).max() < 0.3, errors
    assert (errors < np.array(model.CLASS_2_UPPER)[:, None]).all(), errors
    assert (errors > np.array(model.CLASS_2_LOWER)[:, None]).all(), errors
    assert abs(errors[15]).max() < 0.02, "at 1 kHz, where calibrators sound"


@pytest.mark.parametrize("colour", ["pink", "white"])
def test_broadband_noise_from_33_to_100_db_is_right(tmp_path, colour):
    """A microphone of -26 dBFS at 94 dB: 120 dB is the level of a full-scale sine."""
    rng = np.random.default_rng(3)
    n = 2 * RATE
    wanted = np.array([33, 40, 50, 60, 70, 80, 90, 100])
    columns, rms_c = [], []
    for level in wanted:
        shape = (lambda hertz: hertz**-0.5) if colour == "pink" else np.ones_like
        state = rng.bit_generator.state
        signal, rms_a = coloured(rng, shape, model.a_weighting, n)
        rng.bit_generator.state = state
        _, c = coloured(rng, shape, model.c_weighting, n)
        scale = 10 ** ((level - 120) / 20) / np.sqrt(2) / rms_a
        columns.append(model.samples(np.tile(signal * scale, 2)))
        rms_c.append(120 + 20 * np.log10(c * scale * np.sqrt(2)))
    sums, _ = weigh(tmp_path, np.stack(columns, axis=1), skip=n // BLOCK)
    got = levels(sums, n) + 120 - 20 * np.log10(2**17 / np.sqrt(2))
    errors = got - np.stack([rms_c, wanted], axis=1)
    assert np.abs(errors).max() < 0.3, errors
