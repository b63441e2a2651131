# SPDX-License-Identifier: EUPL-1.2
"""The microphones that a kit can have, and how the board listens to one.

Sources: InvenSense DS-000069 revision 1.2 (ICS-43434), DS-INMP441-00 revision 1.1. Both give 24 bits on I2S, -26 dBFS
for 94 dB, the one to 1 dB, the other to 3 dB; the noise of their own is the signal-to-noise ratio under 94 dB.
"""

# Sensitivity [hundredths of dBFS at 94 dB], own noise [hundredths of dB(A)].
MODELS = {"ICS-43434": (-2600, 2900), "INMP441": (-2600, 3300)}


def open_i2s():
    """The board's I2S input: samples of 32 bits, the left channel, and room for 101 ms."""
    from machine import I2S, Pin

    from kit import board
    from kit.noise.kernel import RATE

    return I2S(
        0, sck=Pin(board.I2S_SCK), ws=Pin(board.I2S_WS), sd=Pin(board.I2S_SD),
        mode=I2S.RX, bits=32, format=I2S.MONO, rate=RATE, ibuf=40_000,
    )  # fmt: skip
