# SPDX-License-Identifier: EUPL-1.2
"""InfluxDB as a store: `/api/v2/write` with line protocol, InfluxQL on `/query`; both work on 1.8, 2 and 3.

One measurement `reading` with the tag `source`. Each quantity has the fields `pm25` (float), `pm25_flag`, `pm25_tests`
and `pm25_dt` (integers), so that the values of one reading share a line and a dashboard can say `pm25_flag < 3`.
Nothing is retried here: the sender knows how long to wait and what to halve.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from collector.errors import SettingError, StoreRefused, StoreUnavailable
from collector.store.base import FlagRow, Judged, Row, Rows, Series, Values

MEASUREMENT = "reading"
_LINES_PER_WRITE = 20_000  # of one request; InfluxDB recommends 5,000 to 10,000 and takes far more
_LAST = 2**63 // 10**9 - 1  # [s]
_PAGE = 100_000  # values of one answer
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_OTHER_TYPE = re.compile(r'field type conflict: input field "([^"]+)"')
_PARTS_OF_FIELD = re.compile("_(flag|tests|dt)$")
_DROPPED = re.compile(r"dropped=(\d+)")
# An answer that was cut off in its headers is told there with a traceback; what it says of the lines is its status.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
_ESCAPE = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def encode_lines(rows: Sequence[Row]) -> list[str]:
    """Rows as line protocol, a line for each source, time and interval; of two rows with one key the later counts."""
    readings = rows.readings if isinstance(rows, Rows) else _gathered(rows)
    return [
        f"{_head(source)}{_fields(quantities, dt, flags, tests) % values} {t}"
        for source, t, dt, quantities, values, flags, tests in readings
    ]


def _gathered(rows: Sequence[Row]) -> list[Judged]:
    """Single rows as readings, so that values of one source and time share a line."""
    found: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row.source, row.t), {})[row.quantity] = row
    readings = []
    for (source, t), by_quantity in found.items():
        for dt in dict.fromkeys(row.dt for row in by_quantity.values()):
            some = [(row.quantity, row.value, row.flag, row.tests) for row in by_quantity.values() if row.dt == dt]
            readings.append(Judged(source, t, dt, *zip(*some, strict=True)))
    return readings


@lru_cache(65_536)
def _head(source: str) -> str:
    return f"{MEASUREMENT},source={_escape(source)} "


@lru_cache(4096)
def _fields(quantities: tuple[str, ...], dt: int, flags: tuple[int, ...], tests: tuple[int, ...]) -> str:
    """The fields of a line, with %r where each value comes."""
    texts = []
    for quantity, flag, mask in zip(quantities, flags, tests, strict=True):
        name = _escape(quantity).replace("%", "%%")
        texts.append(f"{name}=%r,{name}_flag={flag}i,{name}_tests={mask}i,{name}_dt={dt}i")
    return ",".join(texts)


def _escape(name: str) -> str:
    """A tag's value or a field's name as line protocol has it. An end of line in it would begin a line of its own."""
    if not name or not name.isprintable() or name.endswith("\\"):
        raise StoreRefused(f"InfluxDB cannot hold the name {name!r}: it is empty, or has signs that no line can hold.")
    return name.translate(_ESCAPE)


class InfluxStore:
    """Implements collector.store.base.Store on an InfluxDB bucket."""

    def __init__(self, url: str, org: str, bucket: str, token: str) -> None:
        if not token:
            raise SettingError(
                "InfluxDB needs a token.", "Put it into a file and name that with the setting influx_token_file."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise SettingError(
                "InfluxDB's token has signs that no token has.", "Its file must hold the token, and nothing else."
            )
        self._url = _checked(url)
        self._org, self._bucket = org, bucket
        self._headers = {"Authorization": f"Token {token}"}
        self._http = urllib3.PoolManager(maxsize=2, timeout=_TIMEOUT, retries=False)

    def write(self, rows: Sequence[Row]) -> None:
        """Writes lines in order; InfluxDB acknowledges each request after its own log is on disk."""
        self._write_lines(encode_lines(rows))

    def write_flags(self, rows: Sequence[FlagRow]) -> None:
        """Writes the fields of flags alone: InfluxDB keeps a point's other fields as they are."""
        lines = []
        for source, quantity, t, flag, tests in rows:
            name = _escape(quantity)
            lines.append(f"{_head(source)}{name}_flag={flag}i,{name}_tests={tests}i {t}")
        self._write_lines(lines)

    def _write_lines(self, lines: Sequence[str]) -> None:
        query = urlencode({"org": self._org, "bucket": self._bucket, "precision": "s"})
        for start in range(0, len(lines), _LINES_PER_WRITE):
            body = "\n".join(lines[start : start + _LINES_PER_WRITE]).encode()
            self._ask("POST", f"/api/v2/write?{query}", body)

    def read(self, source: str, quantity: str, after: int, until: int) -> Values:
        """The values with after < t <= until, in order of time."""
        names = [quantity, f"{quantity}_dt", f"{quantity}_flag", f"{quantity}_tests"]
        columns = ", ".join(_identifier(name) for name in names)
        # InfluxDB's times are nanoseconds in 64 bits: the year 2262 is its last.
        after, until = max(after, -_LAST), min(until, _LAST)
        found: list[tuple[int, int, float, int, int]] = []
        while True:
            series = self._run(
                f"SELECT {columns} FROM {MEASUREMENT} WHERE source = {_text(source)}"
                f" AND time > {after}s AND time <= {until}s ORDER BY time LIMIT {_PAGE}"
            )
            rows = [row for one in series for row in one["values"]]
            # A line that is being written this moment may show some of its fields before the others.
            found += [
                (t, dt, value, flag, tests)
                for t, value, dt, flag, tests in rows
                if None not in (value, dt, flag, tests)
            ]
            cut = any(one.get("partial") for one in series)  # by max-row-limit, a setting of InfluxDB 1
            if not rows or (len(rows) < _PAGE and not cut):
                return Values.of(found)
            after = rows[-1][0]

    def rolled(self, source: str, quantity: str, first: int, last: int) -> None:
        """Nothing: InfluxDB keeps values alone."""

    def span(self, source: str, quantity: str) -> tuple[int, int] | None:
        """When the first and the last value of a series ended; None if there is none."""
        name, where = _identifier(quantity), f" WHERE source = {_text(source)}"
        ends = [self._run(f"SELECT {end}({name}) FROM {MEASUREMENT}{where}") for end in ("first", "last")]
        if not all(ends):
            return None
        first, last = (int(found[0]["values"][0][0]) for found in ends)
        return first, last

    def series(self, source: str | None = None) -> list[Series]:
        """What there is, in order of source and quantity."""
        where = f" WHERE source = {_text(source)}" if source is not None else ""
        result: dict[tuple[str, str], dict[str, Any]] = {}
        fields = self._run(f"SHOW FIELD KEYS FROM {MEASUREMENT}")
        quantities = [name for one in fields for name, kind in one["values"] if kind == "float"]
        for quantity in quantities:
            name = _identifier(quantity)
            for function, key in (("count", "n"), ("first", "first"), ("last", "last")):
                for one in self._run(f"SELECT {function}({name}) FROM {MEASUREMENT}{where} GROUP BY source"):
                    t, value = one["values"][0][:2]
                    result.setdefault((one["tags"]["source"], quantity), {})[key] = value if key == "n" else t
        # A series that began between two of the questions is not whole yet.
        whole = sorted((key, one) for key, one in result.items() if len(one) == 3)
        return [Series(*key, one["n"], one["first"], one["last"]) for key, one in whole]

    def _run(self, query: str) -> list[dict[str, Any]]:
        path = "/query?" + urlencode({"db": self._bucket, "epoch": "s", "q": query})
        data = self._ask("GET", path)
        try:
            answer = json.loads(data)["results"][0]
        except (ValueError, LookupError, TypeError) as error:
            raise StoreRefused(
                f"What answers at {self._url} is not InfluxDB: {_words(data)}.",
                "Correct the setting influx_url.",
                access=True,
            ) from error
        if "error" in answer:
            raise StoreRefused(f"InfluxDB at {self._url} refused a question: {answer['error']}.")
        return answer.get("series", [])  # type: ignore[no-any-return]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            answer = self._http.request(method, self._url + path, body=body, headers=self._headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(
                f"InfluxDB at {self._url} does not answer: {_why(error)}.",
                "Start it, or correct the setting influx_url.",
            ) from error
        # A page of a proxy or of a hotel's wireless network says 200 to anything: values are kept at 204 alone.
        if answer.status == (204 if method == "POST" else 200):
            return answer.data
        words = _words(answer.data)
        if answer.status in (400, 413, 422):  # only these are about the lines
            raise self._refusal(answer.status, words)
        if answer.status in (408, 429) or answer.status >= 500:
            raise StoreUnavailable(
                f"InfluxDB at {self._url} is busy ({answer.status}): {words}.",
                retry_after=_seconds(answer.headers.get("Retry-After", "")),
            )
        raise StoreRefused(
            f"InfluxDB at {self._url} refuses the collector ({answer.status}): {words}.",
            "Check the settings influx_url, influx_token_file, influx_org and influx_bucket.",
            access=True,
        )

    def _refusal(self, status: int, words: str) -> StoreRefused:
        """What a refusal of lines is about, by InfluxDB's own words, and what to do about it."""
        text = f"InfluxDB at {self._url} refused ({status}): {words}."
        count = _DROPPED.search(words)
        dropped = int(count[1]) if count else None
        if field := _OTHER_TYPE.search(words):
            return StoreRefused(
                text,
                f"Somebody else wrote the field {field[1]} with another type. Give the collector a bucket of its own"
                " (setting influx_bucket), then fill it: `citimeasure sink replay influx`.",
                kind="type",
                quantity=_PARTS_OF_FIELD.sub("", field[1]),
                dropped=dropped,
            )
        if "retention policy" in words:
            return StoreRefused(
                text,
                f"The bucket {self._bucket} does not keep values that old. If it should, let it keep them longer, then"
                " fill it: `citimeasure sink replay influx`.",
                kind="age",
                dropped=dropped,
            )
        return StoreRefused(text)

    def beside(self) -> InfluxStore:
        """Another one with connections of its own."""
        return InfluxStore(self._url, self._org, self._bucket, self._headers["Authorization"].removeprefix("Token "))

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.clear()


def _seconds(text: str) -> float | None:
    """A Retry-After header, seconds or a date, as seconds from now."""
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _why(error: Exception) -> str:
    """An error of urllib3 without the objects that it names."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return text.split("): ")[-1].rstrip(".")


def _checked(url: str) -> str:
    """The address of the setting, if it is one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, usable = urlsplit(""), None
    if parts.username or parts.password:
        raise SettingError(
            "InfluxDB's address must not hold a name or password: it would be shown in logs.",
            "Use the setting influx_token_file.",
        )
    if not usable:
        raise SettingError(f"The setting influx_url cannot be {url!r}.", "Write http://HOST:PORT or https://HOST:PORT.")
    return url.rstrip("/")


def _words(data: bytes) -> str:
    """InfluxDB's own words out of its answer."""
    text = data.decode(errors="replace")
    try:
        return str(json.loads(text).get("message", text)).strip().rstrip(".")[:500]
    except (ValueError, AttributeError):
        return text.strip()[:500] or "no words"


def _identifier(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
