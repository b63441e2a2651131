# SPDX-License-Identifier: EUPL-1.2
"""The whole chain as processes: kits, mosquitto, a collector, InfluxDB; and what its stores hold, asked of them.

Soak tests put it together, break parts of it, and end with `audit`: what was acknowledged is in each store, once, with
its own value. Nothing that the collector says of itself is believed there.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.journeys.collecting import Collector, wait_until
from tests.soak.kits import START, STEP, Kits, device, number, values

SOAK = os.environ.get("CITIMEASURE_SOAK") == "1"
KITS, RATE = 25, 40.0  # readings of each in a second
PATIENCE = 120  # for what should take a second or two [s]
WHOLE = SOAK or os.environ.get("CITIMEASURE_REQUIRE_ALL") == "1"


def bounded(soak: int, ci: int, else_: int | None = None) -> int:
    """How much of something is done: in `make soak`, in CI, and where somebody just runs the tests."""
    return soak if SOAK else ci if WHOLE or else_ is None else else_


def register(folder: Path, kits: int) -> None:
    """Makes a collector's folder that knows the kits."""
    folder.mkdir(parents=True, exist_ok=True)
    with Registry(Settings(folder=folder).registry_url) as registry:
        for k in range(kits):
            registry.add_device("kit-1", device(k), simulated=True)


def influx_settings(server: parts.Influx, folder: Path, url: str = "", stores: str = "sqlite,influx") -> dict[str, str]:
    """The environment of a collector that fills InfluxDB too."""
    token = folder / "token"
    token.write_text(server.token)
    return {
        "CITIMEASURE_STORES": stores,
        "CITIMEASURE_INFLUX_URL": url or server.url,
        "CITIMEASURE_INFLUX_BUCKET": server.new_bucket(folder.name),
        "CITIMEASURE_INFLUX_TOKEN_FILE": str(token),
    }


@contextmanager
def asking(folder: Path) -> Iterator[sqlite3.Connection]:
    """The spool, opened so that asking changes nothing."""
    with closing(sqlite3.connect(f"file:{folder}/spool.sqlite?mode=ro", uri=True, timeout=30)) as db:
        yield db


def waiting(folder: Path, sink: str) -> int:
    """How many messages of the spool a store does not have yet."""
    with asking(folder) as db:
        last = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'").fetchone()[0]
        row = db.execute("SELECT position FROM cursor WHERE sink = ?", (sink,)).fetchone()
    return int(last) - (row[0] if row else 0)


Held = dict[str, list[tuple[int, float, float]]]  # device to (t, pm25, laeq), as often as the store shows it


def in_sqlite(folder: Path) -> Held:
    """What the embedded store holds, by its tables."""
    with closing(sqlite3.connect(f"file:{folder}/values.sqlite?mode=ro", uri=True, timeout=30)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = (
            "SELECT value.t, value.value FROM value JOIN series ON series.no = value.series"
            " WHERE source = ? AND quantity = ? ORDER BY t"
        )
        held: Held = {}
        for (source,) in db.execute("SELECT DISTINCT source FROM series").fetchall():
            pm25, laeq = (db.execute(query, (source, name)).fetchall() for name in ("pm25", "laeq"))
            assert [t for t, _ in pm25] == [t for t, _ in laeq]
            held[source] = [(t, a, b) for (t, a), (_, b) in zip(pm25, laeq, strict=True)]
    return held


def influx_asked(server: parts.Influx, bucket: str, query: str) -> list[dict[str, object]]:
    """InfluxDB's answer to a question in InfluxQL."""
    url = f"{server.url}/query?" + urllib.parse.urlencode({"db": bucket, "epoch": "s", "q": query})
    request = urllib.request.Request(url, headers={"Authorization": f"Token {server.token}"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())["results"][0].get("series", [])  # type: ignore[no-any-return]


def in_influx(server: parts.Influx, bucket: str) -> Held:
    """What InfluxDB holds. A reading that was there twice would be in two series, since equal keys are one row."""
    keys = [one for s in influx_asked(server, bucket, "SHOW TAG KEYS FROM reading") for one in s["values"]]
    assert keys == [["source"]]
    held: Held = {}
    for _, source in influx_asked(server, bucket, "SHOW TAG VALUES FROM reading WITH KEY = source")[0]["values"]:
        found = influx_asked(server, bucket, f"SELECT pm25, laeq FROM reading WHERE source = '{source}'")
        held[source] = [(t, a, b) for one in found for t, a, b in one["values"]]
    return held


def audit(
    held: Held, acknowledged: dict[str, set[int]], start: int = START, step: int = STEP, within: float = 0
) -> dict[str, int]:
    """Holds a store against the kits' book; what is wrong is counted, and wrong if it is not nothing.

    A reading that the collector dated may be `within` so many seconds of its time.
    """
    count = dict.fromkeys(("stored", "missing", "duplicates", "wrong", "unknown"), 0)
    for name, told in sorted(acknowledged.items()):
        k = number(name)
        rows = held.pop(name, [])
        t, pm25, laeq = (np.array(column) for column in zip(*rows, strict=True)) if rows else 3 * (np.array([]),)
        seq = np.round((t - start) / step)
        right = values(k, seq)
        count["stored"] += len(rows)
        count["duplicates"] += len(rows) - len(set(seq.tolist()))
        count["missing"] += len(told - set(seq.tolist()))
        count["unknown"] += len(set(seq.tolist()) - told)
        off = np.abs(t - start - step * seq) > within
        count["wrong"] += int(np.sum((pm25 != right["pm25"]) | (laeq != right["laeq"]) | off))
    count["unknown"] += sum(map(len, held.values()))
    return count


def check(folder: Path, kits: Kits, made: dict[str, int], influx: tuple[parts.Influx, str] | None = None) -> None:
    """The end of a soak test: every acknowledged reading once in each store, the spool sound, nothing refused."""
    told = kits.acknowledged()
    assert made["rejected"] == made["left"] == 0
    assert made["made"] == made["acknowledged"] == sum(map(len, told.values()))
    stores = {"sqlite": in_sqlite(folder)} if (folder / "values.sqlite").exists() else {}
    if influx is not None:
        stores["influx"] = in_influx(*influx)
    for name, held in stores.items():
        found = audit(held, told)
        print(f"{name}: {made['acknowledged']} acknowledged, {found}")
        assert found == {"stored": made["made"], "missing": 0, "duplicates": 0, "wrong": 0, "unknown": 0}, name
    with asking(folder) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT DISTINCT reason FROM quarantine WHERE kept = 0").fetchall() == []


@dataclass
class Chain:
    """Everything that runs. `finish` is the good end of a test."""

    folder: Path
    broker: parts.Mosquitto
    collector: Collector
    kits: Kits
    influx: tuple[parts.Influx, str] | None  # and the bucket

    @property
    def process(self) -> int:
        """The collector's process id."""
        assert self.collector.process is not None
        return self.collector.process.pid

    def wait_for_acknowledgements(self, seconds: float = PATIENCE) -> float:
        """Returns when something more was acknowledged than was before; how long that took [s]."""
        before, began = self.kits.noted, time.monotonic()
        wait_until(lambda: self.kits.noted > before, seconds, "an acknowledgement")
        return time.monotonic() - began

    def wait_until_stored(self) -> None:
        """Returns when each store has every message of the spool."""
        for sink in ("sqlite", *(["influx"] if self.influx else [])):
            wait_until(lambda sink=sink: not waiting(self.folder, sink), 10 * PATIENCE, f"storing in {sink}")

    def stop(self) -> dict[str, int]:
        """The kits come to an end, the stores fill, the collector stops."""
        made = self.kits.finish(PATIENCE)
        self.wait_until_stored()
        assert self.collector.stop() == 0
        assert "Traceback" not in self.collector.log.read_text()
        return made

    def finish(self) -> dict[str, int]:
        """Stops everything and holds it against the kits' book."""
        made = self.stop()
        check(self.folder, self.kits, made, self.influx)
        return made


@contextmanager
def standing(
    folder: Path,
    *load: str,
    broker: parts.Mosquitto,
    influx: parts.Influx | None = None,
    lines: tuple[int, int] | None = None,
    kind: type[Collector] = Collector,
    book: Path | None = None,
    kits: int = KITS,
    rate: float = RATE,
    **env: str,
) -> Iterator[Chain]:
    """The chain at work. `lines` are the ports through which the collector reaches broker and store, if not straight.

    `load` is what the kits are told beside their number and rate; their `book` is in the folder too, if not elsewhere.
    """
    home = folder / "data"
    register(home, kits)
    if influx is not None:
        url = f"http://127.0.0.1:{lines[1]}" if lines else ""
        env = {**influx_settings(influx, folder, url), **env}
    address = f"mqtt://127.0.0.1:{lines[0]}" if lines else broker.url
    with (
        kind(home, "--broker", address, **env) as collector,
        Kits(broker.url, book or folder / "book", kits, rate, *load) as sending,
    ):
        bucket = (influx, env["CITIMEASURE_INFLUX_BUCKET"]) if influx else None
        chain = Chain(home, broker, collector, sending, bucket)
        chain.wait_for_acknowledgements()
        yield chain


class Memory(threading.Thread):
    """Looks at a process's resident memory twice a second, until `stop`. Use it in a `with`."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process, self._ended = process, threading.Event()
        self.seen: list[float] = []  # [MiB]

    def run(self) -> None:
        while not self._ended.wait(0.5):
            self.seen.append(resident(self._process))

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def resident(process: int) -> float:
    """The resident memory of a process now [MiB]; 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return int(status.split("VmRSS:")[1].split()[0]) / 1024 if "VmRSS:" in status else 0.0
