# SPDX-License-Identifier: EUPL-1.2
"""What the sound level meter takes of a kit: of the processor, by counted instructions, and of the heap."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from tests import parts
from tests.bench.table import Bar
from tests.bench.xtensa import Machine
from tests.firmware import board

CLOCK = 240e6  # Hz
RATE, BLOCK = 48000, 1200
KERNEL = parts.ROOT / "firmware" / "device" / "kit" / "noise" / "kernel.py"


def noise() -> npt.NDArray[np.int32]:
    """A block as of a street: 94 dB, nothing clips."""
    return (np.random.default_rng(1).normal(0, 0.035, BLOCK) * 2**23).astype(np.int32) << 8


def square() -> npt.NDArray[np.int32]:
    """The dearest block: full scale from side to side, so that most samples are clipped."""
    return np.where(np.arange(BLOCK) % 400 < 200, 2**31 - 256, -(2**31)).astype(np.int32)


def load(block: npt.NDArray[np.int32]) -> tuple[float, float, float]:
    """Instructions and cycles for a sample of the block, and the share of the processor [%]."""
    machine = Machine(KERNEL)
    machine.weigh(block.tolist(), [0] * 11)
    cycles = machine.cycles / len(block)
    return machine.instructions / len(block), cycles, 100 * cycles * RATE / CLOCK


def heap() -> float:
    """The heap that the meter takes, with its code and buffers [kB]; on a board machine code is not in the heap."""
    lines = board.run("meter", json.dumps({"seconds": 1, "interval": 1}), heap="64k").splitlines()
    return float(json.loads(lines[-1])["heap"]) / 1000


def measure() -> list[Bar]:
    """The kernel on the ESP32-S3, by what xtensa.py counts, and the meter's heap."""
    bars = []
    for name, block in (("street", noise()), ("clipping", square())):
        instructions, cycles, share = load(block)
        note = (
            f"{instructions:.0f} instructions, {cycles:.0f} cycles a sample at {RATE} samples/s; the .mpy of xtensawin"
        )
        bars.append(Bar(f"noise: kernel on a core of 240 MHz, {name} [%]", share, 10, 6, "lower", "real time", note))
    return [*bars, Bar("noise: heap of the meter [kB]", heap(), 12, 12, "lower", "the bar of 12 kB")]
