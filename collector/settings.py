# SPDX-License-Identifier: EUPL-1.2
"""Settings: what the user gave on the command line, then CITIMEASURE_*, then citimeasure.toml, then the defaults.

One frozen dataclass travels through the program. Secrets are never given as arguments: they come from the environment
or from a file that a setting names.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.errors import SettingError

PREFIX = "CITIMEASURE_"
CONFIG_FILE = "citimeasure.toml"
STORES = ("sqlite", "influx")
LOG_FORMATS = ("auto", "text", "json")
SECRETS = ("broker_password", "influx_token")
_URL_PASSWORD = re.compile("(//[^/:@]*:).*(?=@)")
_PORT = re.compile("[0-9]{1,5}")  # isdigit() takes other scripts' digits too
_LARGEST = 1_000_000_000  # of a number: the database counts in 64 bits, also the milliseconds of so many days


def _setting(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True)
class Settings:
    """Every setting with its default; the text beside each is shown by `citimeasure doctor` and in the docs."""

    folder: Path = _setting(Path("citimeasure-data"), "where the spool, the embedded store and the registry lie")
    broker: str = _setting("embedded", "'embedded', or mqtt://HOST:PORT of a broker of your own")
    broker_listen: str = _setting("127.0.0.1:1883", "where the embedded broker listens")
    broker_username: str = _setting("", "the collector's own name at the broker")
    broker_password: str = _setting("", "secret; better in a file")
    broker_password_file: str = _setting("", "a file that holds the password")
    broker_anonymous: str = _setting(
        "auto", "whether the embedded broker lets in who gives no name: yes, no, or auto, only if on 127.0.0.1"
    )
    broker_root: str = _setting("", "the root certificate of a broker with mqtts://; the system's list if empty")
    broker_group: str = _setting("", "a shared subscription's name, for several collectors behind one broker")
    http_listen: str = _setting("", "where readings are taken by HTTPS, say 0.0.0.0:8443; nowhere if empty")
    http_certificate: str = _setting("", "the certificate that the HTTPS way in shows, with its chain, in PEM")
    http_key: str = _setting("", "the key of that certificate")
    http_plain: str = _setting(
        "no", "whether the way in by HTTP may do without a certificate beyond 127.0.0.1: yes, no"
    )
    watch_listen: str = _setting("", "where /metrics and /health are shown, say 127.0.0.1:9469; nowhere if empty")
    api_listen: str = _setting("127.0.0.1:8010", "where `serve` answers questions")
    log_format: str = _setting("auto", "how `run` logs: text, json, or auto: text on a terminal, else json")
    stores: tuple[str, ...] = _setting(
        ("sqlite",), "where values go: sqlite, influx, or both; questions go to the first"
    )
    influx_url: str = _setting("http://127.0.0.1:8086", "InfluxDB's address")
    influx_org: str = _setting("citimeasure", "InfluxDB's organisation")
    influx_bucket: str = _setting("citimeasure", "InfluxDB's bucket")
    influx_token: str = _setting("", "secret; better in a file")
    influx_token_file: str = _setting("", "a file that holds the token")
    registry: str = _setting("", "SQLAlchemy URL, say postgresql+psycopg://HOST/NAME; a SQLite file if empty")
    limits: str = _setting("", "a TOML file with limits of your own for the tests that flag values")
    judge_s: int = _setting(1800, "how often new values are judged beside those before and nearby [s]; 0 is never")
    rollup_s: int = _setting(3600, "how often the embedded store's hours are packed, for quick answers [s]; 0 is never")
    commit_ms: int = _setting(20, "a group of readings is committed after this long [ms] ...")
    commit_rows: int = _setting(1000, "... or at this many messages")
    future_s: int = _setting(300, "a reading further in the future is refused [s]")
    silent_s: int = _setting(
        3600, "a kit of which nothing came for so long [s], and for ten of its own intervals, is called silent"
    )
    clock_s: int = _setting(60, "a kit whose clock differs by more than this from the collector's is told of [s]")
    oldest: str = _setting("2010-01-01", "a reading from before this day is refused")
    remember_days: int = _setting(35, "how long a reading is known again as a duplicate [days]")
    quarantine_days: int = _setting(365, "how long refused messages are kept [days]")
    quarantine_messages: int = _setting(
        10_000, "so many refused messages of one device are kept, the newest, and so many of all that nobody registered"
    )
    limit_messages: int = _setting(1200, "messages that are taken of one device in a minute; 0 is no limit")
    limit_bytes: int = _setting(3_000_000, "bytes of messages of one device in a minute; 0 is no limit")
    limit_readings: int = _setting(6000, "readings of one device in a minute; 0 is no limit")
    limit_burst: int = _setting(10, "so many minutes' worth of the limits may come at once")
    archive_days: int = _setting(7, "how long messages that every store has stay in the spool's archive [days] ...")
    archive_mb: int = _setting(512, "... and how large all messages in the spool may grow by that [MB]")
    free_mb: int = _setting(64, "with less room on the disk, nothing more is acknowledged [MB]")

    @property
    def registry_url(self) -> str:
        """The registry's database: the setting, or a file in the folder."""
        return self.registry or f"sqlite:///{self.folder / 'registry.sqlite'}"

    def secret(self, name: str) -> str:
        """A secret by its setting's name: from the environment or the settings file, or from the file named there."""
        path = getattr(self, f"{name}_file")
        if not path:
            return str(getattr(self, name))
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"The secret file {path} of the setting {name}_file cannot be read: {error}.",
                "Check its path, and that the user who runs citimeasure may read it.",
            ) from error


def shown(name: str, value: object) -> str:
    """A setting's value as it may be shown: without what is secret, and a database's address without its password.

    >>> shown("registry", "postgresql+psycopg://me:word@host/name")
    'postgresql+psycopg://me:(secret)@host/name'
    """
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if name in SECRETS and text:
        return "(secret)"
    return _URL_PASSWORD.sub(r"\1(secret)", text)


def load(
    given: Mapping[str, Any], environ: Mapping[str, str] | None = None, config: Path | None = None
) -> tuple[Settings, dict[str, str]]:
    """Puts the settings together. Returns them and, for each name, where its value is from.

    `given` holds the command line's values, None where it said nothing. `config` is a settings file that must exist;
    without it `citimeasure.toml` in the current folder is read if it is there.
    """
    environ = os.environ if environ is None else environ
    from_file = _read_file(config)
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for one in fields(Settings):
        variable = PREFIX + one.name.upper()
        if given.get(one.name) is not None:
            value, where = given[one.name], "the command line"
        elif environ.get(variable):
            value, where = environ[variable], variable
        elif one.name in from_file:
            value, where = from_file[one.name], str(config or CONFIG_FILE)
        else:
            values[one.name], origin[one.name] = one.default, "default"
            continue
        values[one.name] = _convert(one.name, one.default, value, where)
        origin[one.name] = where
    settings = Settings(**values)
    _check(settings, origin)
    return settings, origin


def _read_file(config: Path | None) -> dict[str, Any]:
    path = config or Path(CONFIG_FILE)
    if config is None and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingError(f"The settings file {path} cannot be read: {error}.", "Mend it, or name another.") from error
    unknown = sorted(set(found) - {one.name for one in fields(Settings)})
    if unknown:
        raise SettingError(
            f"The settings file {path} has settings that do not exist: {', '.join(unknown)}.",
            "`citimeasure doctor` lists the ones that do.",
        )
    return found


def _convert(name: str, default: Any, value: Any, where: str) -> Any:
    try:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("it holds a null character")
        if isinstance(default, Path):
            return Path(value).expanduser()
        if isinstance(default, int):
            if isinstance(value, bool):
                raise ValueError("a truth value is no number")
            if abs(number := int(value)) > _LARGEST:
                raise ValueError(f"it must not be beyond {_LARGEST}")
            return number
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts)
        if not isinstance(value, str):
            raise ValueError("it must be a text in quotes")
        return value
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # infinity; ~ of a user who is not there
        raise SettingError(f"The setting {name} from {where} cannot be {_quoted(name, value)}: {error}.") from error


def _quoted(name: str, value: object) -> str:
    return f"{shown(name, value)!r:.200}" if isinstance(value, str) or name in SECRETS else f"{value!r:.200}"


def _check(settings: Settings, origin: Mapping[str, str]) -> None:
    def wrong(name: str, why: str, hint: str = "") -> SettingError:
        value = _quoted(name, getattr(settings, name))
        return SettingError(f"The setting {name} from {origin[name]} cannot be {value}: {why}.", hint)

    unknown = [name for name in settings.stores if name not in STORES]
    if unknown or not settings.stores or len(set(settings.stores)) < len(settings.stores):
        raise wrong("stores", f"it names each of {', '.join(STORES)} at most once, and at least one")
    if settings.broker_anonymous not in ("auto", "yes", "no"):
        raise wrong("broker_anonymous", "it is auto, yes or no")
    if settings.http_plain not in ("yes", "no"):
        raise wrong("http_plain", "it is yes or no")
    if settings.log_format not in LOG_FORMATS:
        raise wrong("log_format", f"it is one of {', '.join(LOG_FORMATS)}")
    for name in ("http_listen", "watch_listen"):
        if getattr(settings, name):
            parse_address(getattr(settings, name))
    for name in ("limit_messages", "limit_bytes", "limit_readings"):
        if getattr(settings, name) < 0:
            raise wrong(name, "it cannot be negative")
    for name in (
        "commit_ms", "commit_rows", "future_s", "remember_days", "quarantine_days", "quarantine_messages",
        "limit_burst", "silent_s", "clock_s",
    ):  # fmt: skip
        if getattr(settings, name) < 1:
            raise wrong(name, "it must be at least 1")
    for name in ("archive_days", "archive_mb", "free_mb", "judge_s", "rollup_s"):
        if getattr(settings, name) < 0:
            raise wrong(name, "it cannot be negative")
    if settings.broker != "embedded":
        parse_broker(settings.broker)
    parse_address(settings.broker_listen)
    parse_address(settings.api_listen)
    try:
        oldest_time(settings)
    except ValueError as error:
        raise wrong("oldest", "it must be a day like 2010-01-01") from error


def oldest_time(settings: Settings) -> int:
    """The setting `oldest` in seconds since 1970."""
    from datetime import UTC, date, datetime

    day = date.fromisoformat(settings.oldest)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def parse_address(address: str) -> tuple[str, int]:
    """`HOST:PORT` as its two parts."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise SettingError(f"{address!r:.200} is no address.", "Write HOST:PORT, say 127.0.0.1:1883.")
    return host.strip("[]"), int(port)


def parse_broker(url: str) -> tuple[str, int, bool]:
    """A broker's URL as host, port, and whether TLS is wanted (mqtts://)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("mqtt", "mqtts") or not host:
        raise SettingError(
            f"{url!r} is no address of a broker.", "Write mqtt://HOST:PORT, mqtts://HOST:PORT, or embedded."
        )
    if parts.username or parts.password:
        raise SettingError(
            "A broker's address must not hold a name or password: it would be shown in logs and process lists.",
            "Use the settings broker_username and broker_password_file.",
        )
    return host, port or (8883 if parts.scheme == "mqtts" else 1883), parts.scheme == "mqtts"
