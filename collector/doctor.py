# SPDX-License-Identifier: EUPL-1.2
"""Checks of a set-up: each says whether something is right, and what to do if not.

`citimeasure doctor` prints what comes out. A check never raises and never changes anything.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.certificates import days_left, warning
from collector.errors import CitimeasureError
from collector.settings import Settings, parse_address, parse_broker

OUR_PACKAGES = ("calibration", "collector", "firmware")


@dataclass(frozen=True)
class Finding:
    """What one check found. `good` is None for something to know rather than to mend."""

    what: str
    good: bool | None
    text: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Runs every check in turn."""
    for name, check in _CHECKS.items():
        try:
            yield check(settings)
        except CitimeasureError as error:
            yield Finding(name, False, str(error), error.hint)


def _python(_: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), f"Python {version}", "Python 3.11 or newer is needed.")


def _packages(_: Settings) -> Finding:
    """Whether `import calibration` gives ours: PyPI's uncertainty-calibration installs a package of that name too."""
    owners = importlib.metadata.packages_distributions()
    home = Path(__file__).resolve().parents[1]
    for package in OUR_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parents[1] != home:
            others = sorted(set(owners.get(package, [])) - {"citimeasure"}) or ["another distribution"]
            return Finding(
                "packages",
                False,
                f"the package {package} belongs to {', '.join(others)}",
                "Install citimeasure in a virtual environment of its own.",
            )
    return Finding("packages", True, f"{', '.join(OUR_PACKAGES)} are ours")


def _clock(_: Settings) -> Finding:
    year = time.gmtime().tm_year
    good = 2026 <= year < 2100
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Finding("clock", good, text, "Set the clock; readings are refused by it.")


def _folder(settings: Settings) -> Finding:
    folder = settings.folder
    if not folder.exists():
        return Finding("folder", None, f"{folder} is not there yet; `citimeasure run` makes it")
    from collector.service import prepare_folder

    prepare_folder(folder)
    return Finding("folder", True, f"{folder.resolve()} can be written")


def _disk(settings: Settings) -> Finding:
    folder = settings.folder if settings.folder.exists() else Path()
    free = shutil.disk_usage(folder).free // 1_000_000
    hint = f"Under {settings.free_mb} MB nothing is acknowledged any more. Make room."
    return Finding("disk", free >= settings.free_mb, f"{free} MB free", hint)


def _spool(settings: Settings) -> Finding:
    from collector.ingest.repair import check, set_aside
    from collector.ingest.spool import FILE, Spool

    if not (settings.folder / FILE).exists():
        return Finding("spool", None, "none yet")
    damage = check(settings.folder / FILE)
    if damage is not None:
        hint = (
            "Start the collector again: the start sets the file aside and saves what is readable. Look after the disk."
        )
        return Finding("spool", False, f"damaged: {damage}", hint)
    if aside := set_aside(settings.folder):
        names = ", ".join(one.name for one in aside)
        hint = f"Read {aside[-1]}.txt: it says what was saved. Look after the disk, then move these files away."
        return Finding("spool", False, f"was damaged, and is sound now; set aside: {names}", hint)
    spool = Spool(settings.folder)
    try:
        waiting = ", ".join(f"{n} messages wait for {sink}" for sink, n in spool.backlog().items() if n)
    finally:
        spool.close()
    return Finding("spool", True, waiting or "every message is in its store")


def _sinks(settings: Settings) -> Finding:
    from collector.ingest.sinks import sinks
    from collector.ingest.spool import FILE, Spool

    if not (settings.folder / FILE).exists():
        return Finding("sinks", None, "none yet")
    spool = Spool(settings.folder)
    try:
        found = [one for one in sinks(spool) if one.sink in settings.stores]
    finally:
        spool.close()
    for one in found:
        if one.state in ("waiting", "refused"):
            text = f"{one.sink} is {one.state}, {one.lag_messages} messages wait: {one.last_error}"
            hint = "Nothing is lost: it goes on by itself when that is put right. `citimeasure sink status` shows how."
            return Finding("sinks", False, text, hint)
    return Finding("sinks", True, "; ".join(f"{one.sink}: {one.state}" for one in found) or "none yet")


def _broker(settings: Settings) -> Finding:
    if settings.broker == "embedded":
        host, port = parse_address(settings.broker_listen)
        text = f"embedded, on {host}:{port}"
        from collector.ingest.broker import LOOPBACK, anonymous

        open_ = anonymous(settings) and host not in LOOPBACK
        text += "; anyone in the network can publish there" if open_ else ""
        return Finding("broker", None if open_ else True, text)
    host, port, tls = parse_broker(settings.broker)
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            if not tls:
                return Finding("broker", True, f"{host}:{port} answers")
            with ssl.create_default_context(cafile=settings.broker_root or None).wrap_socket(
                plain, server_hostname=host
            ) as secure:
                end = str((secure.getpeercert() or {})["notAfter"])
    except ssl.SSLError as error:
        hint = "Name its root in the setting broker_root, or give it a certificate for the name that the setting has."
        return Finding("broker", False, f"{host}:{port} is not to be trusted: {error}", hint)
    except OSError as error:
        return Finding(
            "broker", False, f"{host}:{port} does not answer: {error}", "Start it, or correct the setting broker."
        )
    if soon := warning(end, f"{host}:{port}"):
        return Finding("broker", False, *soon.split(". ", 1))
    return Finding("broker", True, f"{host}:{port} answers; its certificate is good for {days_left(end):.0f} days")


def _store(settings: Settings) -> Finding:
    from collector.store import open_store

    found = []
    for name in settings.stores:
        if name == "sqlite" and not settings.folder.exists():
            found.append("sqlite: none yet")
            continue
        store = open_store(name, settings)
        try:
            found.append(f"{name}: {len(store.series())} series")
        finally:
            store.close()
    return Finding("store", True, "; ".join(found))


def _registry(settings: Settings) -> Finding:
    from collector.registry import Registry

    if settings.registry == "" and not settings.folder.exists():
        return Finding("registry", None, "none yet")
    with Registry(settings.registry_url) as registry:
        return Finding("registry", True, f"{len(registry.devices())} devices")


_CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "python": _python,
    "packages": _packages,
    "clock": _clock,
    "folder": _folder,
    "disk": _disk,
    "spool": _spool,
    "sinks": _sinks,
    "broker": _broker,
    "store": _store,
    "registry": _registry,
}
