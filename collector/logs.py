# SPDX-License-Identifier: EUPL-1.2
"""The one log: lines for people, or one JSON object a line for programs, with an event's name and fields.

Code logs as Python does, `log.warning("broker %s: ...", address)`. Here stands which event a text is and how its words
are called, so that the names stay when a sentence is bettered. The command line sets it up; `run` chooses the format.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

TEXT = "%(asctime)s %(levelname)s %(message)s"
OTHER = "other"  # what libraries say

# The text of each event: its name, then the names of its words, in their order.
EVENTS = {
    "Collecting: broker %s, folder %s, store %s. Ctrl-C ends.": "collecting broker folder stores",
    "Answering: %s, folder %s, store %s. Ctrl-C ends.": "answering address folder store",
    "api: %s %s": "api_away error hint",
    "api: a request could not be answered; please report this": "api_request_failed",
    "stopping: what was acknowledged is in %s": "stopping spool",
    "failed: %s %s": "failed error hint",
    "broker %s: connected; readings are taken": "broker_connected broker",
    "broker %s: connection lost (%s); trying again": "broker_lost broker error",
    "broker %s: %s; trying again within %.0f s": "broker_away broker error wait_s",
    "broker: ALARM: %s Trying again within %.0f s. %s": "broker_refuses error wait_s hint",
    "%s cannot be kept (%s); the name at the broker is another at each start": "name_not_kept file error",
    "broker: device=%s is let go: its password does not hold any more": "kit_let_go device",
    "broker: a connection ended: %s": "connection_ended error",
    "broker: too many connections; one from %s is refused": "connection_refused address",
    "broker: a login from %s is refused": "login_refused address",
    "broker: %s sent what no client may send (%s)": "packet_malformed sender error",
    "broker: device=%s may not write what it wrote; it is thrown away": "write_refused device",
    "broker: device=%s may not read what it asked for": "read_refused device",
    "broker: clients did not let go within 10 s": "broker_stop_slow",
    "certificate: %s": "certificate_ends warning",
    "http: the certificate's files cannot be read, the one of before is shown: %s": "certificate_unreadable error",
    "%s: a connection could not be taken: %s": "connection_not_taken server error",
    "%s: too many connections; one from %s is refused": "http_connection_refused server address",
    "%s: a connection ended: %s": "http_connection_ended server error",
    "%s: a request could not be answered; please report this": "http_request_failed server",
    "registry: %s": "registry_away error",
    "registry: %s New devices are not seen until it is back.": "registry_away error",
    "registry: %s Passwords are those of before.": "registry_away error",
    "intake: device=%s is known now; %d messages that came before were taken": "device_known device messages",
    "intake: %s brings more than the limits allow; the rest is neither taken nor acknowledged": "limit_reached who",
    "disk: only %d MB free in %s; nothing is acknowledged now, kits keep their readings": "disk_full free_mb folder",
    "disk: %d MB free again; readings are taken": "disk_free free_mb",
    "disk: %d kB free in %s; the collector waits for room": "disk_full_at_start free_kb folder",
    "spool: %d messages not taken: %s": "commit_failed messages error",
    "spool: it cannot be checked yet: %s": "spool_not_checked error",
    "spool: %s is damaged: %s. What is readable in it is saved now.": "spool_damaged spool damage",
    "spool: what happened besides cannot be noted now: %s": "times_not_noted error",
    "spool: %s": "spool_saved what",
    "spool: the damaged file is kept as %s; the collector goes on with what could be saved": "spool_set_aside file",
    "spool: %d messages %s; they are in the quarantine": "messages_damaged messages detail",
    "clock: most kits' clocks are %+d s from this computer's; look after this one. No kit is blamed.": (
        "collectors_clock_off off_s"
    ),
    "rounds: %s Kits are told how they are when that is over.": "rounds_wait error",
    "judge %s: %s New values keep the flags that they came with until the next try.": "judge_waits store error",
    "roll up: %s Answers are slower until the next try.": "hours_not_packed error",
    "judge %s: %d values looked at, %d flags changed": "judged store values changed",
    "keeper: the spool could not be trimmed: %s; trying again": "spool_not_trimmed error",
    "sender %s: the spool says: %s; trying again within %.0f s": "spool_busy store error wait_s",
    "store %s: %s Nothing is lost; trying again in %.1f s. %s": "store_away store error wait_s hint",
    "store %s: ALARM: %s Everything is kept until that is put right; looking again in %.1f s. %s": (
        "store_refuses store error wait_s hint"
    ),
    "store %s: refused %s %s at %d, kept in the quarantine: %s %s": "value_refused store device quantity t error hint",
    "store %s: refused %d more values, kept in the quarantine": "values_refused store values",
    "clock: it jumped by %+.0f s. For %.0f minutes no reading is dated by it and nothing is thrown away;"
    " kits keep such readings. Look after the time server.": "clock_jumped jump_s minutes",
    "clock: it is %.0f s behind the latest message of the spool. For %.0f minutes no reading is dated by it;"
    " kits keep such readings. Look after the time server.": "clock_behind behind_s minutes",
}


def event_of(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """An event's name and fields."""
    known = EVENTS.get(record.msg) if isinstance(record.msg, str) else None
    if known is None:
        return OTHER, {"logger": record.name}
    name, *fields = known.split()
    words = record.args if isinstance(record.args, tuple) else ()
    return name, {
        field: word if isinstance(word, (int, float)) else str(word) for field, word in zip(fields, words, strict=True)
    }


class Lines(logging.Formatter):
    """One JSON object a line: time, level, event, text, and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line."""
        name, fields = event_of(record)
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": name,
            "text": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(level: int) -> None:
    """Lines for people on stderr, from a level on."""
    logging.basicConfig(level=level, format=TEXT, stream=sys.stderr)
    for noisy in ("alembic", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def use(form: str) -> None:
    """Chooses the format: text, json, or auto: text on a terminal, else json."""
    if form == "json" or (form == "auto" and not sys.stderr.isatty()):
        for handler in logging.getLogger().handlers:
            handler.setFormatter(Lines())


def for_programs() -> bool:
    """Whether the log is JSON now."""
    return any(isinstance(handler.formatter, Lines) for handler in logging.getLogger().handlers)
