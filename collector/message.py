# SPDX-License-Identifier: EUPL-1.2
"""The wire message, version 1: bytes of `citimeasure/v1/<device>/readings` to readings, and acknowledgements to bytes.

`decode` never raises: what cannot be read comes back as refusals with a reason code, each with the reading's number
where it has one, so that one bad reading neither hides nor holds up its neighbours. `docs/reference/message.md` is the
description for people; files under tests/vectors/ hold examples that the firmware's tests read as well.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from collector.quantities import NAME, QUANTITIES, unit_factor

MAX_BYTES = 8192
TOPIC = re.compile(r"citimeasure/v1/([a-z0-9-]{6,32})/readings")
SUBSCRIPTION = "citimeasure/v1/+/readings"


class Reason(StrEnum):
    """Why a message or a reading was refused, or noted though it was kept."""

    TOPIC = "topic"  # not a topic of version 1
    SIZE = "size"  # over 8 KiB
    JSON = "json"  # not JSON in UTF-8
    VERSION = "version"  # `v` is not 1
    SCHEMA = "schema"  # a field is missing or of a wrong type
    NUMBER = "number"  # a value is not a finite number
    NAME = "name"  # a quantity's name is no name
    UNIT = "unit"  # a unit that the quantity cannot have
    DEVICE = "device"  # the message names another device than its topic
    UNKNOWN_DEVICE = "unknown_device"  # the registry does not know the device (yet)
    CLOCK = "clock"  # the time is before measuring began, or in the future
    STORE = "store"  # a store refused a value that was acknowledged: kept apart with the store's words
    STORE_TYPE = "store_type"  # a store holds values of another type under that name: kept apart
    STORE_AGE = "store_age"  # a store does not keep values that old: kept apart
    DAMAGED = "damaged"  # taken, but damaged in the spool's file before every store had it: kept apart
    CONFLICT = "conflict"  # another reading with this time was taken before
    DUPLICATE = "duplicate"  # the same reading again: kept once
    LATE = "late"  # older than one that was taken before: kept
    UNKNOWN_QUANTITY = "unknown_quantity"  # not in the glossary: kept, flagged


Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Raw values of one interval. Either `t` [s since 1970, UTC, end of interval] or `age` [ms since its end].

    `u` names the unit of a value that is not in its quantity's own (gases in ppb); null is a missing value.
    """

    seq: Seq
    dt: Annotated[int, msgspec.Meta(ge=1, le=86400)]
    q: Annotated[dict[str, float | None], msgspec.Meta(min_length=1, max_length=64)]
    t: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | None = None
    age: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    u: Annotated[dict[str, str], msgspec.Meta(max_length=64)] | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One message: readings of one boot of one device. `device`, if given, must be the topic's."""

    v: Literal[1]
    boot: Seq
    readings: Annotated[list[Reading], msgspec.Meta(min_length=1, max_length=1024)]
    fw: Annotated[str, msgspec.Meta(max_length=32)] = ""
    device: str | None = None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """What was not taken: a reading by its number, or the whole message if `seq` is None."""

    reason: Reason
    detail: str
    seq: int | None = None


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one message held. `boot` is None where not even that could be read."""

    boot: int | None
    fw: str
    readings: list[Reading]
    refused: list[Refusal]


_decoder = msgspec.json.Decoder(Message)


def device_of(topic: str) -> str | None:
    """The device that a readings topic names, or None if it is not such a topic."""
    found = TOPIC.fullmatch(topic)
    return found[1] if found else None


def decode(device: str, payload: bytes) -> Decoded:
    """Reads one message that came on the topic of `device`."""
    if len(payload) > MAX_BYTES:
        return _refuse(Reason.SIZE, f"{len(payload)} bytes; at most {MAX_BYTES} are taken", payload)
    try:
        message = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # a text that is not UTF-8; a deep nest
        return _salvage(device, payload, str(error))
    if message.device is not None and message.device != device:
        return _refuse_all(message, Reason.DEVICE, f"the message names {message.device!r}, the topic {device!r}")
    bad = [refusal for reading in message.readings if (refusal := _check(reading))]
    if not bad:
        return Decoded(message.boot, message.fw, message.readings, [])
    numbers = {refusal.seq for refusal in bad}
    return Decoded(message.boot, message.fw, [r for r in message.readings if r.seq not in numbers], bad)


def _check(reading: Reading) -> Refusal | None:
    """What the types cannot say: exactly one kind of time, names that are names, units that fit."""
    if (reading.t is None) == (reading.age is None):
        return Refusal(Reason.SCHEMA, "a reading has either t or age", reading.seq)
    if not reading.q.keys() <= QUANTITIES.keys():
        for name in reading.q:
            if not NAME.fullmatch(name):
                return Refusal(Reason.NAME, f"{name!r} cannot be the name of a quantity", reading.seq)
    for name, unit in reading.u.items() if reading.u else ():
        try:
            unit_factor(QUANTITIES[name], unit)
        except KeyError:
            return Refusal(
                Reason.UNIT, f"{name!r} is not in the glossary, so its unit cannot be converted", reading.seq
            )
        except ValueError as error:
            return Refusal(Reason.UNIT, str(error), reading.seq)
    return None


def _refuse_all(message: Message, reason: Reason, detail: str) -> Decoded:
    return Decoded(message.boot, message.fw, [], [Refusal(reason, detail, r.seq) for r in message.readings])


def _refuse(reason: Reason, detail: str, payload: bytes) -> Decoded:
    """Refuses a whole message, naming the readings' numbers if a lenient reader can still find them."""
    envelope = _lenient(payload) if len(payload) <= 64 * MAX_BYTES else None
    boot = _number(envelope.get("boot")) if isinstance(envelope, dict) else None
    readings = envelope.get("readings") if isinstance(envelope, dict) else None
    numbers = [_number(r.get("seq")) for r in readings if isinstance(r, dict)] if isinstance(readings, list) else []
    known = [seq for seq in numbers if seq is not None]
    if boot is None or not known:
        return Decoded(boot, "", [], [Refusal(reason, detail)])
    return Decoded(boot, "", [], [Refusal(reason, detail, seq) for seq in known])


def _salvage(device: str, payload: bytes, why: str) -> Decoded:
    """Reads a message that failed as a whole reading by reading; what is sound in it is kept."""
    envelope = _lenient(payload)
    if not isinstance(envelope, dict):
        return Decoded(None, "", [], [Refusal(Reason.JSON, why)])
    version = envelope.get("v")
    if type(version) is not int or version != 1:
        return _refuse(Reason.VERSION, f"v is {str(version)[:32]!r}; this collector reads version 1", payload)
    try:
        head = msgspec.convert({**envelope, "readings": [_EXAMPLE]}, Message)
        readings = envelope["readings"]
        if not isinstance(readings, list) or not 1 <= len(readings) <= 1024:
            raise msgspec.ValidationError("`readings` holds 1 to 1024 readings")
    except (msgspec.ValidationError, KeyError) as error:
        return _refuse(Reason.SCHEMA, str(error) if not isinstance(error, KeyError) else why, payload)
    if head.device is not None and head.device != device:
        return _refuse(Reason.DEVICE, f"the message names {head.device!r}, the topic {device!r}", payload)
    good, bad = [], []
    for item in readings:
        seq = _number(item.get("seq")) if isinstance(item, dict) else None
        if isinstance(item, dict) and _not_finite(item.get("q")):
            bad.append(Refusal(Reason.NUMBER, "a value is not a finite number", seq))
            continue
        try:
            reading = msgspec.convert(item, Reading)
        except msgspec.ValidationError as error:
            bad.append(Refusal(Reason.SCHEMA, str(error), seq))
            continue
        refusal = _check(reading)
        if refusal:
            bad.append(refusal)
        else:
            good.append(reading)
    return Decoded(head.boot, head.fw, good, bad)


_EXAMPLE: dict[str, Any] = {"seq": 0, "dt": 60, "t": 0, "q": {"pm25": 0.0}}


def _lenient(payload: bytes) -> Any:
    """JSON as Python reads it, with NaN and infinities; None for what is not even that."""
    try:
        found = json.loads(payload.decode())
        if b"\\u" in payload:  # it may name half of a pair (UTF-16), a letter that no text in UTF-8 can hold
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):  # JSON's and Unicode's errors are ValueErrors
        return None


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= 2**53 else None


def _not_finite(values: Any) -> bool:
    return isinstance(values, dict) and any(isinstance(v, float) and not math.isfinite(v) for v in values.values())


def encode(message: Message) -> bytes:
    """The bytes of a message, as a kit or the simulator sends them."""
    return msgspec.json.encode(message)


class Ack(msgspec.Struct, omit_defaults=True):
    """What the collector tells a kit on `citimeasure/v1/<device>/ack`, after its commit.

    `seq` names in ranges, both ends included, what is safe now; `rejected` what was refused and kept apart, with the
    reason; `noted` what is safe but unusual. `error` is for a message of which no reading's number could be read.
    `now` is the collector's time [ms since 1970], for a kit that sent an `age` because nobody tells it the time.
    """

    boot: int | None = None
    seq: list[tuple[int, int]] = msgspec.field(default_factory=list)
    rejected: dict[str, Reason] = msgspec.field(default_factory=dict)
    noted: dict[str, Reason] = msgspec.field(default_factory=dict)
    error: Reason | None = None
    now: int | None = None


def ack_topic(device: str) -> str:
    """Where a device listens for its acknowledgements."""
    return f"citimeasure/v1/{device}/ack"


def readings_topic(device: str) -> str:
    """Where a device publishes its readings."""
    return f"citimeasure/v1/{device}/readings"


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers, in any order and perhaps twice, as the fewest closed ranges.

    >>> ranges([4, 2, 3, 9, 3])
    [(2, 4), (9, 9)]
    """
    result: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if result and number == result[-1][1] + 1:
            result[-1] = (result[-1][0], number)
        else:
            result.append((number, number))
    return result
