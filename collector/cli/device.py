# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure device`: register kits, say where they hang, and see how they do."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click

from collector.cli.access import hand_over, password_file_option, revoke, rotate, token
from collector.cli.options import Moment, emit, need_folder, opened, output_option, with_settings
from collector.cli.places import deployed, hosted, move, place_options
from collector.moments import iso
from collector.settings import Settings


@click.group()
def device() -> None:
    """Register kits and see how they do."""


for _command in (rotate, revoke, token, move, hosted):
    device.add_command(_command)


@device.command()
@with_settings()
@click.option("--id", "id_", metavar="ID", help="A name of your own: 6 to 32 of a-z, 0-9 and hyphens. [random]")
@click.option("--model", default="kit-1", show_default=True, help="What kind of kit it is.")
@click.option("--from", "start", type=Moment(), default="now", help="Since when it hangs at its place. [now]")
@place_options
@password_file_option
def add(settings: Settings, id_: str | None, model: str, start: int, password_file: Path | None, **where: Any) -> None:
    """Register a kit, and where it hangs. Prints its id, and beside it, once, its password.

    Messages that a kit sent before it was registered were kept, and are taken now.

    \b
    citimeasure device add --place 52.0907 5.1214 --height 2.5 --environment traffic
    """
    from collector.registry import Registry
    from collector.service import prepare_folder

    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        made = registry.add_device(model, id_)
        deployed(registry, made.id, start, where)
        password = registry.identity.set_password(made.id)
    click.echo(made.id)
    hand_over(f"Password of {made.id}", password, password_file)


@device.command("list")
@with_settings()
@output_option
def list_(settings: Settings, output: str) -> None:
    """Show all kits, where they hang (on their grid), how they are, and how much was taken of them."""
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        devices, deployments = registry.devices(), registry.deployments()
    counters, states = _counters(settings), _states(settings)
    last = {one.device: one for one in deployments}
    rows = []
    for one in devices:
        where = last.get(one.id)
        counts = counters.get(one.id, {})
        rows.append(
            {
                "device": one.id,
                "model": one.model,
                "simulated": one.simulated,
                "since": iso(where.start) if where else None,
                "place": _place(where),
                "environment": where.environment if where else None,
                "state": "locked out" if one.revoked else states.get(one.id, "never heard"),
                "taken": counts.get("taken", 0),
                "refused": _refused(counts),
            }
        )
    emit(rows, output, notes=[] if rows else ["No devices yet. `citimeasure device add` registers one."])


@device.command()
@with_settings()
@click.argument("id_", metavar="DEVICE")
@click.option("--rejections", default=10, show_default=True, help="How many of the latest refusals and notes to show.")
@click.option("--language", type=click.Choice(["en", "nl"]), help="Of the sentences. [that of the terminal]")
@output_option
def show(settings: Settings, id_: str, rejections: int, language: str | None, output: str) -> None:
    """Show one kit: how it is, its places, its series, what was refused and why, its calibrations.

    What is wrong is said in sentences for its host, in English or Dutch: a kit that is silent, readings that were
    refused, a clock that is off.
    """
    from collector.message import readings_topic
    from collector.reasons import in_words

    with opened(settings) as (store, registry):
        one = registry.device(id_)
        deployments = registry.deployments(id_)
        assignments = registry.assignments(id_)
        series = store.series(id_)
    spool = _spool(settings)
    odd = spool.quarantined(readings_topic(id_), rejections) if spool else []
    health = _health(settings, spool, id_) if spool and not one.revoked else None
    if spool:
        spool.close()
    codes = ["locked_out"] if one.revoked else health["codes"] if health else []
    texts = in_words(codes, language or _language())
    places = [
        {"from": iso(d.start), "to": iso(d.until) if d.until else None, "place": _place(d), "exposure": d.exposure,
         "height": d.height, "environment": d.environment, "host": d.host, "project": d.project}
        for d in deployments
    ]  # fmt: skip
    measured = [{"quantity": s.quantity, "values": s.n, "first": iso(s.first), "last": iso(s.last)} for s in series]
    told = [
        {"received": iso(q.received // 1000), "reason": q.reason, "kept": q.kept, "numbers": q.seqs, "detail": q.detail}
        for q in odd
    ]
    used = [
        {"quantity": a.quantity, "record": a.record[:12], "from": iso(a.start), "to": iso(a.until) if a.until else None,
         "assigned": iso(a.created)}
        for a in assignments
    ]  # fmt: skip
    counts = _counters(settings).get(id_, {})
    if output != "table":
        whole = {
            "device": id_, "model": one.model, "simulated": one.simulated,
            "locked out": iso(one.revoked) if one.revoked else None, "health": health, "words": texts,
            "counts": counts, "places": places, "series": measured, "refusals": told, "calibrations": used,
        }  # fmt: skip
        click.echo(json.dumps(whole, ensure_ascii=False, indent=1 if output == "json" else None))
        return
    locked = f"  LOCKED OUT since {iso(one.revoked)}" if one.revoked else ""
    click.echo(f"{id_}  model {one.model}{'  SIMULATED' if one.simulated else ''}{locked}")
    newest = max((s.last for s in series), default=None)
    if newest is not None:
        click.echo(f"Last value {iso(newest)}, {_ago(int(time.time()) - newest)} ago.")
    for text in texts.values():
        click.echo(text)
    click.echo("Readings: " + (", ".join(f"{n} {name}" for name, n in counts.items()) or "none yet"))
    for title, rows in (
        ("Places", places), ("Series", measured), ("Calibrations", used), ("Refused or noted lately", told),
    ):  # fmt: skip
        if rows:
            click.echo()
            emit(rows, "table", title=title)


def _states(settings: Settings) -> dict[str, str]:
    """How each kit is that was ever heard."""
    from collector.health import RECENT, judge
    from collector.ingest.pulses import last_refused, rows

    spool = _spool(settings)
    if spool is None:
        return {}
    try:
        now = time.time()
        refused = last_refused(spool.db, int((now - RECENT) * 1000))
        known = rows(spool.db)
    finally:
        spool.close()
    return {id_: judge(row.pulse, refused.get(id_, {}), now, settings).state for id_, row in known.items() if row.heard}


def _language() -> str:
    """The language of the terminal, if we have it."""
    from collector.reasons import language_of

    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return language_of(said.replace("_", "-"))


def _health(settings: Settings, spool: Any, id_: str) -> dict[str, Any]:
    """How a kit is, from what the collector wrote down of it; that may be a minute old."""
    from collector.health import RECENT, judge
    from collector.ingest.pulses import DeviceRow, last_refused, refused_in_a_day, rows

    now = time.time()
    pulse = rows(spool.db).get(id_, DeviceRow(0)).pulse
    refused = last_refused(spool.db, int((now - RECENT) * 1000)).get(id_, {})
    verdict = judge(pulse, refused, now, settings)
    return {
        "state": verdict.state if pulse.heard else "never heard",
        "codes": list(verdict.codes) if pulse.heard else [],
        "heard": iso(pulse.heard) if pulse.heard else None,
        "interval": pulse.pace or None,
        "clock ahead": pulse.clock,
        "refused in a day": refused_in_a_day(spool.db, id_, int(now * 1000)),
    }


def _spool(settings: Settings) -> Any:
    from collector.ingest.spool import FILE, Spool

    return Spool(settings.folder) if (settings.folder / FILE).exists() else None


def _counters(settings: Settings) -> dict[str, dict[str, int]]:
    spool = _spool(settings)
    if spool is None:
        return {}
    try:
        return spool.counters()  # type: ignore[no-any-return]
    finally:
        spool.close()


_KEPT = ("taken", "duplicate", "late", "unknown_quantity")


def _refused(counts: dict[str, int]) -> int:
    return sum(n for name, n in counts.items() if name not in _KEPT)


def _place(where: Any) -> str | None:
    place = where.public_place if where else None
    return f"{place[0]}, {place[1]}" if place else None


def _ago(seconds: int) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{max(seconds, 0)} seconds"
