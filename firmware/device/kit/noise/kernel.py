# SPDX-License-Identifier: EUPL-1.2
"""The A- and C-weighting of IEC 61672-1 at 48,000 samples a second: samples in, sums of squares out.

The weightings have real poles only, so each is a chain of sections of first order, whose states fit into 32 bits:
high-pass 20.6 Hz twice, low-pass twice (C ends here), high-pass 107.7 Hz, high-pass 737.9 Hz (A ends here). A pole at
f has the coefficient 1 - exp(-2 pi f / 48000); the low-passes, for 12.2 kHz, have 3/4, which brings both curves
nearest to the analogue ones up to 8 kHz. The only module that is compiled for a kind of processor.
"""

import micropython

RATE = 48000
LIMIT = 65535  # of what is squared; a full-scale sample is 131071 here, so that a sine clips at 6 dB under full scale


@micropython.viper
def weigh(x: int, square: uint, i: int, block: ptr32, n: int, state: ptr32):  # noqa: F821 - viper's own types
    """Weighs n samples, 24 bits in the upper part of 32, and adds to the sums in `state`, an array of 11 integers.

    state[0:6] is the filter's memory; [6] and [7] are the sum of squares after C: of what each has below 65536, and of
    the rest, in 65536; [8] and [9] are the same after A; [10] counts samples that were clipped. The sums hold 32,768
    samples before they wrap.
    `x`, `square` and `i` are 0: arguments come first, and the first variables live in registers.
    """
    s0 = state[0]
    s1 = state[1]
    s2 = state[2]
    s3 = state[3]
    s4 = state[4]
    s5 = state[5]
    c_low = state[6]
    c_high = state[7]
    a_low = state[8]
    a_high = state[9]
    i = 0
    while i < n:
        x = block[i] >> 12
        i += 1
        x -= s0 >> 10
        s0 += (x * 1412) >> 9
        x -= s1 >> 10
        s1 += (x * 1412) >> 9
        x <<= 6
        x -= (x - s2) >> 2
        s2 = x
        x -= (x - s3) >> 2
        s3 = x
        x >>= 8
        if uint(x + 65535) > uint(131070):  # noqa: F821 - one comparison for both sides
            x = 65535 if x > 0 else -65535
            state[10] += 1
        square = uint(x * x)  # noqa: F821
        c_low += int(square & 65535)
        c_high += int(square >> 16)
        x -= s4 >> 10
        s4 += (x * 1834) >> 7
        x -= s5 >> 10
        s5 += (x * 1508) >> 4
        if uint(x + 65535) > uint(131070):  # noqa: F821
            x = 65535 if x > 0 else -65535
        square = uint(x * x)  # noqa: F821
        a_low += int(square & 65535)
        a_high += int(square >> 16)
    state[0] = s0
    state[1] = s1
    state[2] = s2
    state[3] = s3
    state[4] = s4
    state[5] = s5
    state[6] = c_low
    state[7] = c_high
    state[8] = a_low
    state[9] = a_high
