# SPDX-License-Identifier: EUPL-1.2
"""Checks of a set-up: each says whether something is right, and what to do if not.

`citimeasure doctor` prints what comes out. A check never raises and never changes anything.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sqlite3
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from collector.certificates import days_left, good_until, warning
from collector.errors import CitimeasureError
from collector.settings import Settings, parse_address

OUR_PACKAGES = ("calibration", "collector", "firmware")
CLOCKS_APART = 60.0  # of two machines that work together [s]


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
        except (OSError, sqlite3.Error) as error:
            yield Finding(name, False, str(error), "Check the paths and rights of what it names, and repeat.")


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


def _clock(settings: Settings) -> Finding:
    now = time.time()
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if not 2026 <= time.gmtime(now).tm_year < 2100:
        return Finding("clock", False, text, "Set the clock; readings are refused by it.")
    behind = _latest(settings) - now
    if behind > settings.future_s:
        return Finding(
            "clock",
            False,
            f"{text}, which is {behind:.0f} s before the last message came",
            "It is wrong now, or was when that came. Look after the time server (`timedatectl`).",
        )
    for name, ahead in _other_clocks(settings):
        if abs(ahead) > CLOCKS_APART:
            return Finding(
                "clock",
                False,
                f"{text}; the clock of {name} says {ahead:+.0f} s",
                "One of the two is wrong. Look after the time server on both (`timedatectl`).",
            )
    return Finding("clock", True, text)


def _latest(settings: Settings) -> float:
    """When the latest message came, by the clock of that time [s since 1970]; 0 if there is none, or nobody can say."""
    from collector.ingest.spool import FILE, Spool

    if not (settings.folder / FILE).exists():
        return 0.0
    try:
        spool = Spool(settings.folder)
        try:
            return spool.latest() / 1000
        finally:
            spool.close()
    except (CitimeasureError, sqlite3.Error):  # the check of the spool says why
        return 0.0


def _other_clocks(settings: Settings) -> Iterator[tuple[str, float]]:
    """How far the clocks of InfluxDB's and PostgreSQL's machines are ahead of this one [s], where they can be asked."""
    if "influx" in settings.stores:
        began = time.time()
        try:
            with urllib.request.urlopen(f"{settings.influx_url.rstrip('/')}/ping", timeout=5) as answer:
                said = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            yield "InfluxDB", said + 0.5 - (began + time.time()) / 2  # it names whole seconds
        except (OSError, ValueError, TypeError):  # the check of the store says why
            pass
    if settings.registry.startswith("postgresql"):
        from collector.registry import Registry

        try:
            with Registry(settings.registry_url) as registry:
                yield "the registry's database", registry.time() - time.time()
        except CitimeasureError:  # the check of the registry says why
            pass


def _folder(settings: Settings) -> Finding:
    folder = settings.folder
    if not folder.exists():
        return Finding("folder", None, f"{folder} is not there yet; `citimeasure run` makes it")
    from collector.service import is_running, prepare_folder

    prepare_folder(folder)
    now = "a collector runs on it" if is_running(folder) else "no collector runs on it now"
    return Finding("folder", True, f"{folder.resolve()} can be written; {now}")


def _secrets(settings: Settings) -> Finding:
    """Whether others on this machine may read what they must not."""
    from collector.ingest.broker import PASSWORD_FILE

    files = [settings.broker_password_file, settings.influx_token_file, settings.http_key]
    if (own := settings.folder / PASSWORD_FILE).exists():
        files.append(str(own))
    open_ = []
    for name in filter(None, files):
        try:
            if Path(name).stat().st_mode & 0o077:
                open_.append(name)
        except OSError as error:
            return Finding(
                "secrets", False, f"{name}: {error.strerror}", "Check its path, and who may read its folder."
            )
    if open_:
        return Finding("secrets", False, f"others may read {', '.join(open_)}", f"chmod 600 {' '.join(open_)}")
    return Finding("secrets", True, "nobody else may read their files")


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


def _quarantine(settings: Settings) -> Finding:
    from collector.ingest.spool import FILE, Spool

    if not (settings.folder / FILE).exists():
        return Finding("quarantine", None, "none yet")
    spool = Spool(settings.folder)
    try:
        entries = sum(n for _, n in spool.quarantine_sizes())
    finally:
        spool.close()
    kept = f"kept for {settings.quarantine_days} days, the newest {settings.quarantine_messages} of each device"
    return Finding("quarantine", True, f"{entries} entries; {kept}")


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
    from collector.ingest.connection import Connection, Refused
    from collector.ingest.mqtt import address_of

    address = address_of(settings, client_id="")  # a random one: under the collector's own it would throw that out
    try:
        connection = Connection(address, subscription=None)
    except ssl.SSLError as error:
        hint = "Name its root in the setting broker_root, or give it a certificate for the name that the setting has."
        return Finding("broker", False, f"{address} is not to be trusted: {error}", hint)
    except OSError as error:
        hint = "Start it, or correct the setting broker."
        return Finding("broker", False, f"{address} does not answer: {error}", hint)
    except (Refused, ValueError) as error:
        hint = "Check the settings broker_username and broker_password_file, and the broker's list of logins."
        return Finding("broker", False, f"{address} refuses the collector: {error}", hint)
    end = connection.certificate_end
    connection.close()
    if end is None:
        return Finding("broker", True, f"{address} answers and lets the collector in")
    if soon := warning(end, str(address)):
        return Finding("broker", False, *soon.split(". ", 1))
    text = f"{address} answers and lets the collector in; its certificate is good for {days_left(end):.0f} days"
    return Finding("broker", True, text)


def _http(settings: Settings) -> Finding:
    if not settings.http_listen:
        return Finding("http", None, "readings are not taken by HTTPS")
    if not settings.http_certificate:
        return Finding("http", None, f"on {settings.http_listen}, without a certificate: passwords can be overheard")
    if soon := warning(good_until(settings.http_certificate), settings.http_certificate):
        return Finding("http", False, *soon.split(". ", 1))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        settings.http_certificate, settings.http_key or None
    )
    return Finding("http", True, f"on {settings.http_listen}; the certificate and its key belong together")


def _store(settings: Settings) -> Finding:
    from collector.store import open_store
    from collector.store.sqlite import FILE

    found = []
    for name in settings.stores:
        if name == "sqlite" and not (settings.folder / FILE).exists():
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
    "secrets": _secrets,
    "disk": _disk,
    "spool": _spool,
    "quarantine": _quarantine,
    "sinks": _sinks,
    "broker": _broker,
    "http": _http,
    "store": _store,
    "registry": _registry,
}
