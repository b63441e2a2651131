# SPDX-License-Identifier: EUPL-1.2
"""A board on a serial port, played by MicroPython's unix port: its flash is a folder, its port is standard input.

argv[1] is a line of JSON: `flash` (the folder), `raw` (whether it starts in raw mode), `cause` (of the reset),
`sensors`. Speaks the friendly, raw and raw-paste modes of the REPL as MicroPython's reference manual describes them.
The unix port of 1.25 has none of these. Ends with an exit code of RESETS; the host starts it again. MicroPython.
"""

import gc
import io
import json
import os
import sys

import board_modules
import flash
import machine
import termios
import vfs

_INTR, _RAW, _FRIENDLY, _PASTE, _END, _RAW_PASTE = 3, 1, 2, 5, 4, b"\x05A"
_WINDOW = 128  # bytes that the host may send ahead
_PROMPT = b"\r\n>>> "
_RAW_BANNER = b"\r\nraw REPL; CTRL-B to exit\r\n>"
# Linux, termios.h.
_OPOST_ONLCR, _ISIG_NOFLSH = 0x05, 0x81

raw_in, raw_out = sys.stdin.buffer, sys.stdout.buffer


def line_mode(cooked, interrupts):
    """Whether printed line ends become CR LF, and whether Ctrl-C interrupts what runs."""
    mode = termios.tcgetattr(0)
    mode[1] = _OPOST_ONLCR if cooked else 0
    mode[3] = _ISIG_NOFLSH if interrupts else 0
    termios.tcsetattr(0, 1, mode)  # once everything written before is out


class Port:
    """The port's state, and what `sys.stdout.buffer` and `micropython.kbd_intr` are on a board."""

    interrupts = False

    def kbd_intr(self, char):
        """Ctrl-C interrupts from now on, or with -1 comes in as a byte like others."""
        self.interrupts = char == _INTR
        line_mode(True, self.interrupts)

    def write(self, *data):
        """Writes bytes as they are; like a stream's it takes (data), (data, n) or (data, offset, n)."""
        line_mode(False, self.interrupts)
        n = raw_out.write(*data)
        line_mode(True, self.interrupts)
        return n


class Console:
    """In place of sys.stdout: `buffer` does not touch line ends."""

    buffer = port = Port()

    def write(self, text):
        return sys.stdout.write(text)

    def flush(self):
        pass


say = Console.port.write


def execute(run, names):
    """Runs a function; SystemExit, as on a board, is a soft reset. Returns the trace of an error as text, or None."""
    Console.port.kbd_intr(_INTR)
    try:
        run(names)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the program did, the REPL goes on
        Console.port.kbd_intr(-1)
        text = io.StringIO()
        sys.print_exception(error, text)
        lines = [line for line in text.getvalue().split("\n") if "serial_board.py" not in line]
        return "\r\n".join(lines).encode()
    finally:
        Console.port.kbd_intr(-1)
    return None


def run_code(code, names, kind="exec"):
    """Compiles and runs; returns the trace of an error, or None."""
    return execute(lambda names: exec(compile(code, "<stdin>", kind), names), names)


def run_file(name, names):
    """Runs a file of the flash if it is there."""
    try:
        with open(name) as file:
            text = file.read()
    except OSError:
        return
    say(execute(lambda names: exec(compile(text, name, "exec"), names), names) or b"")


class Repl:
    """The three modes. Bytes are read one by one: what comes after a command may be meant for the command."""

    def __init__(self, raw, names):
        self._raw, self._names = raw, names
        self._line, self._block = bytearray(), []

    def run(self):
        say(_RAW_BANNER if self._raw else b"\r\n" + board_modules.BANNER + _PROMPT)
        while True:
            byte = raw_in.read(1)
            if not byte:
                sys.exit(0)
            self._take(byte[0])

    def _take(self, key):
        line = self._line
        if key == _RAW:
            if self._raw and bytes(line) == _RAW_PASTE:
                self._raw_paste()
            else:
                self._raw = True
                say(_RAW_BANNER)
            self._line = bytearray()
        elif key == _FRIENDLY:
            self._raw, self._line, self._block = False, bytearray(), []
            say(b"\r\n" + board_modules.BANNER + _PROMPT)
        elif key == _INTR:
            self._line, self._block = bytearray(), []
            say(b"" if self._raw else _PROMPT)
        elif key == _END:
            self._end_of_code()
        elif self._raw or (key == _PASTE and not line):
            line.append(key) if self._raw else self._paste()
        else:
            self._edit(key)

    def _end_of_code(self):
        code, self._line = bytes(self._line), bytearray()
        if self._raw:
            say(b"OK")
        if not code or not self._raw:
            say(b"\r\nMPY: soft reboot\r\n")
            raise machine.Reset(machine.SOFT_RAW if self._raw else machine.SOFT)
        self._answer(run_code(code, self._names))

    def _answer(self, trace):
        say(b"\x04" + (trace or b"") + b"\x04>")

    def _raw_paste(self):
        say(b"R\x01" + bytes((_WINDOW & 0xFF, _WINDOW >> 8)) + b"\x01")
        code = bytearray()
        while True:
            key = raw_in.read(1)[0]
            if key in (_END, _INTR):
                say(b"\x04")
                break
            code.append(key)
            if len(code) % _WINDOW == 0:
                say(b"\x01")
        self._answer(run_code(bytes(code), self._names) if key == _END else None)

    def _paste(self):
        say(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
        code = bytearray()
        while True:
            key = raw_in.read(1)[0]
            if key in (_END, _INTR):
                break
            say(b"\r\n=== " if key == 13 else bytes((key,)))
            code.append(10 if key == 13 else key)
        say(b"\r\n" + ((run_code(bytes(code), self._names) or b"") if key == _END else b"") + _PROMPT[2:])

    def _edit(self, key):
        """A line typed by a person: backspace and enter, and blocks that an empty line ends."""
        if key in (8, 127):
            if self._line:
                self._line = self._line[:-1]
                say(b"\b \b")
        elif key == 13:
            say(b"\r\n")
            text, self._line = bytes(self._line).decode(), bytearray()
            if text.strip():
                self._block.append(text)
            if text.strip() and (self._block[1:] or text.rstrip().endswith(":")):
                say(b"... ")
                return
            code, self._block = "\n".join(self._block) + "\n", []
            say((run_code(code, self._names, "single") or b"") + _PROMPT[2:])
        elif 32 <= key < 127 or key == 9:
            self._line.append(key)
            say(bytes((key,)))


def main():
    order = json.loads(sys.argv[1])
    board_modules.install(Console(), order)
    vfs.umount("/")
    vfs.mount(flash.Flash(order["flash"]), "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    names = {"__name__": "__main__"}
    gc.collect()
    try:
        run_file("boot.py", names)
        if not order["raw"]:
            run_file("main.py", names)
        Repl(order["raw"], names).run()
    except machine.Reset as reset:
        sys.exit(reset.code)
    except SystemExit:
        say(b"\r\nMPY: soft reboot\r\n")
        sys.exit(machine.SOFT)


main()
