# SPDX-License-Identifier: EUPL-1.2
"""The board's file system as one image: what `build` compiled, and the kit's settings, in littlefs 2.

The image has exactly as many blocks as its place in flash, because MicroPython refuses to mount any other number; the
runtime's partition table says how many (`runtime.py`). Parameters are those that MicroPython 1.25 formats with
(`extmod/vfs_lfs.c`: read and program 32 bytes, cache 4 times that), so each side can go on where the other stopped.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from firmware.build import DEVICE
from firmware.errors import ToolError

BLOCK = 4096  # bytes; a sector of the flash, the least that can be erased
_UNIT = 32  # bytes, read and programmed at once
_DISK_VERSION = 0x0002_0000  # 2.0: every littlefs 2 reads it

CONFIG, SECRET = "/cfg/config.json", "/cfg/secret.json"

Layout = Callable[[str], str]
"""From a name in a tree, such as kit/board.mpy, to its path on the board."""


def flat(name: str) -> str:
    """Everything where `build` has it: boot.py, main.py and the folder kit at the top."""
    return f"/{name}"


def contents(
    tree: Mapping[str, bytes], config: Path | None = None, secret: Path | None = None, layout: Layout = flat
) -> dict[str, bytes]:
    """Paths on the board and what they hold. ToolError if the settings are not what the firmware would accept."""
    files = {layout(name): content for name, content in tree.items()}
    settings = {name: _settings(path) for name, path in ((CONFIG, config), (SECRET, secret)) if path}
    _check(settings.get(CONFIG, {}), settings.get(SECRET, {}))
    files.update({name: json.dumps(found, ensure_ascii=False).encode() for name, found in settings.items()})
    return files


def _settings(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ToolError(f"{path} is no JSON: {error}.", 'It looks like {"device": "kit-7hx3m9ab"}.') from error
    if not isinstance(found, dict):
        raise ToolError(f"{path} holds no settings.", 'It looks like {"device": "kit-7hx3m9ab"}.')
    return found


def _check(config: dict[str, object], secret: dict[str, object]) -> None:
    """Asks the firmware's own module of settings, which needs nothing that only a board has."""
    spec = importlib.util.spec_from_file_location("kit_config", DEVICE / "kit" / "core" / "config.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for names, where in ((set(config) & set(module.SECRETS), "config.json"),
                         (set(secret) - set(module.SECRETS), "secret.json")):  # fmt: skip
        if names:
            raise ToolError(
                f"{', '.join(sorted(names))} must not be in {where}.",
                f"Passwords go into secret.json ({', '.join(module.SECRETS)}), all else into config.json.",
            )
    try:
        module.check(module.defaults(**config, **secret))
    except module.ConfigError as error:
        raise ToolError(f"The kit would not accept its settings: {error}.") from error


def image(files: Mapping[str, bytes], blocks: int) -> bytes:
    """A littlefs 2 image of `blocks` blocks with the files in it; the same files give the same bytes."""
    try:
        from littlefs import LittleFS, LittleFSError
    except ImportError as error:
        raise ToolError("littlefs-python is not here.", "pip install 'citimeasure[flash]'") from error
    system = LittleFS(
        block_size=BLOCK, block_count=blocks, read_size=_UNIT, prog_size=_UNIT, cache_size=4 * _UNIT,
        lookahead_size=_UNIT, block_cycles=100, disk_version=_DISK_VERSION,
    )  # fmt: skip
    try:
        for path, content in sorted(files.items()):
            folder = path.rpartition("/")[0]
            if folder:
                system.makedirs(folder, exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(content)
    except LittleFSError as error:
        size = sum(map(len, files.values()))
        raise ToolError(
            f"{len(files)} files of {size} bytes do not fit into {blocks * BLOCK // 1024} kB of file system.",
            "Take a board with more flash.",
        ) from error
    return bytes(system.context.buffer)
