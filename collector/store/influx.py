# SPDX-License-Identifier: EUPL-1.2
"""InfluxDB as a store: `/api/v2/write` with line protocol, InfluxQL on `/query`; both work on 1.8, 2 and 3.

One measurement `reading` with the tag `source`. Each quantity has the fields `pm25` (float), `pm25_flag`, `pm25_tests`
and `pm25_dt` (integers), so that the values of one reading share a line and a dashboard can say `pm25_flag < 3`.
Nothing is retried here: the sender knows how long to wait and what to halve.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import urllib3

from collector.errors import SettingError, StoreRefused, StoreUnavailable
from collector.store.base import Row, Series, Values

MEASUREMENT = "reading"
_LINES_PER_WRITE = 20_000  # of one request; InfluxDB recommends 5,000 to 10,000 and takes far more
_LAST = 2**63 // 10**9 - 1  # [s]
_PAGE = 100_000  # values of one answer
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_ESCAPE_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def encode_lines(rows: Sequence[Row]) -> list[str]:
    """Rows as line protocol, a line for each source and time; of two rows with one key the later counts."""
    fields: dict[tuple[str, int], dict[str, str]] = {}
    for source, quantity, t, dt, value, flag, tests in rows:
        text = f"{quantity}={value!r},{quantity}_flag={flag}i,{quantity}_tests={tests}i,{quantity}_dt={dt}i"
        fields.setdefault((source, t), {})[quantity] = text
    return [
        f"{MEASUREMENT},source={source.translate(_ESCAPE_TAG)} {','.join(texts.values())} {t}"
        for (source, t), texts in fields.items()
    ]


class InfluxStore:
    """Implements collector.store.base.Store on an InfluxDB bucket."""

    def __init__(self, url: str, org: str, bucket: str, token: str) -> None:
        if not token:
            raise SettingError(
                "InfluxDB needs a token.", "Put it into a file and name that with the setting influx_token_file."
            )
        self._url = url.rstrip("/")
        self._org, self._bucket = org, bucket
        self._headers = {"Authorization": f"Token {token}"}
        self._http = urllib3.PoolManager(maxsize=2, timeout=_TIMEOUT, retries=False)

    def write(self, rows: Sequence[Row]) -> None:
        """Writes lines in order; InfluxDB acknowledges each request after its own log is on disk."""
        query = urlencode({"org": self._org, "bucket": self._bucket, "precision": "s"})
        lines = encode_lines(rows)
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
            rows = self._query(
                f"SELECT {columns} FROM {MEASUREMENT} WHERE source = {_text(source)}"
                f" AND time > {after}s AND time <= {until}s ORDER BY time LIMIT {_PAGE}"
            )
            found += [(t, dt, value, flag, tests) for t, value, dt, flag, tests in rows if value is not None]
            if len(rows) < _PAGE:
                return Values.of(found)
            after = rows[-1][0]

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
        return [Series(*key, one["n"], one["first"], one["last"]) for key, one in sorted(result.items())]

    def _query(self, query: str) -> list[list[Any]]:
        return [row for one in self._run(query) for row in one["values"]]

    def _run(self, query: str) -> list[dict[str, Any]]:
        path = "/query?" + urlencode({"db": self._bucket, "epoch": "s", "q": query})
        answer = json.loads(self._ask("GET", path))["results"][0]
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
        if answer.status in (200, 204):
            return answer.data
        words = _words(answer.data)
        if answer.status in (429, 503) or answer.status >= 500:
            wait = answer.headers.get("Retry-After", "")
            raise StoreUnavailable(
                f"InfluxDB at {self._url} is busy ({answer.status}): {words}.",
                retry_after=float(wait) if wait.isdigit() else None,
            )
        if answer.status in (401, 403, 404):
            raise StoreRefused(
                f"InfluxDB at {self._url} refuses the collector ({answer.status}): {words}.",
                "Check the settings influx_token_file, influx_org and influx_bucket.",
                access=True,
            )
        raise StoreRefused(f"InfluxDB at {self._url} refused ({answer.status}): {words}.")

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.clear()


def _why(error: Exception) -> str:
    """An error of urllib3 without the addresses of its objects."""
    return str(error).split(">: ")[-1].split("object at ")[-1] or type(error).__name__


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
