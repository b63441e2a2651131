# SPDX-License-Identifier: EUPL-1.2
"""What lies on a kit that leaves the workshop: the application in its first slot, settings, keys, and what it held.

boot.py takes the slot /a because its manifest is there; an update then goes into /b (decision 12). The manifest is that
of a release, but nobody has signed it: who holds the cable needs no signature. Keys are a city's own: none comes with
the project, as who has the private ones can put a program on every kit.
"""

from __future__ import annotations

import importlib.util
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware import sign
from firmware.build import DEVICE, STARTED_BY_NAME, constant
from firmware.errors import ToolError

CONFIG, SECRET = "/cfg/config.json", "/cfg/secret.json"
SLOT = "/a"
KEYS = ("current.pub", "next.pub")
ROOTS = "/cfg/roots/"
MOST_ROOTS = 2
# What stays on a kit that gets another application: readings and the number of its starts, settings, roots, keys.
KEPT = ("/data/", "/cfg/", "/keys/")
_OLDEST_RUNTIME = "1.25"


@dataclass(frozen=True)
class Given:
    """What makes one kit differ from the next."""

    config: Path | None = None
    secret: Path | None = None
    keys: Path | None = None  # a folder with .pub files
    roots: tuple[Path, ...] = ()  # certificates that a broker's must lead to
    kept: Mapping[str, bytes] = field(default_factory=dict)  # files that lay on the board before


def contents(machine: str, tree: Mapping[str, bytes], given: Given) -> dict[str, bytes]:
    """Paths on the board and what they hold: `tree` is what was built for `machine`, any other file is given.

    ToolError if the settings are not what the firmware would accept, or a key is none.
    """
    files = {path: content for path, content in given.kept.items() if path.startswith(KEPT)}
    application = {name: content for name, content in tree.items() if name not in STARTED_BY_NAME}
    files.update({f"/{name}": tree[name] for name in STARTED_BY_NAME})
    files.update({f"{SLOT}/{name}": content for name, content in application.items()})
    files[f"{SLOT}/{sign.MANIFEST}"] = manifest(machine, application)
    files.update(settings(given))
    files.update(keys(given.keys))
    if given.roots:
        files = {path: content for path, content in files.items() if not path.startswith(ROOTS)}
        files.update(roots(given.roots))
    return files


def manifest(machine: str, application: Mapping[str, bytes]) -> bytes:
    """What the slot holds, so that boot.py knows it as whole; the same application gives the same bytes."""
    version, board = str(constant("kit/data/message.py", "FIRMWARE")), str(constant("kit/board.py", "NAME"))
    created = int(constant("kit/core/clock.py", "RELEASED"))
    head = sign.Release(version, _OLDEST_RUNTIME, board, machine, created, 1, 1)
    try:
        return sign.describe(application, head)[1]
    except sign.SigningError as error:
        raise ToolError(f"The application cannot lie in a slot: {error}") from error


def keys(folder: Path | None) -> dict[str, bytes]:
    """The public keys of a folder; none without one. ToolError if there is no current one, or one that is no key."""
    if folder is None:
        return {}
    paths = [folder / name for name in KEYS if (folder / name).is_file()]
    if folder / KEYS[0] not in paths:
        raise ToolError(
            f"There is no {KEYS[0]} in {folder}.",
            f"`citimeasure fleet keys {folder}` makes the keys of a city, once: the kits take its updates by them.",
        )
    try:
        sign.read_public_keys(paths)
    except sign.SigningError as error:
        raise ToolError(str(error), "Take the .pub files that `citimeasure fleet keys` made.") from error
    return {f"/keys/{path.name}": path.read_bytes() for path in paths}


def roots(paths: Sequence[Path]) -> dict[str, bytes]:
    """Root certificates for the kit's TLS, numbered; ToolError if one is no certificate, or if there are too many.

    Two let a city change its root without visiting kits; each costs a kit memory while it connects.
    """
    if len(paths) > MOST_ROOTS:
        raise ToolError(
            f"{len(paths)} roots are too many: a kit takes {MOST_ROOTS}.", "Name the present and the next one."
        )
    found = {}
    for n, path in enumerate(paths):
        try:
            text = path.read_text(encoding="ascii")
            ssl.create_default_context(cadata=text)
        except (OSError, ValueError) as error:
            hint = "Name a certificate in PEM, such as the root.crt of `citimeasure broker certs`."
            raise ToolError(f"{path} is no root certificate: {error}.", hint) from error
        found[f"{ROOTS}root{n}.pem"] = text.encode()
    return found


def settings(given: Given) -> dict[str, bytes]:
    """The kit's settings as it stores them; ToolError if it would not accept them."""
    found = {name: _read(path) for name, path in ((CONFIG, given.config), (SECRET, given.secret)) if path}
    _check(found.get(CONFIG, {}), found.get(SECRET, {}))
    return {name: json.dumps(values, ensure_ascii=False).encode() for name, values in found.items()}


def _read(path: Path) -> dict[str, object]:
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
