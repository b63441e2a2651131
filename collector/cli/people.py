# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure host` and `citimeasure consent`: who hosts kits, what each allows, and how one is forgotten."""

from __future__ import annotations

from typing import Any

import click

from collector.cli.options import Moment, emit, need_folder, output_option, progress, with_settings
from collector.moments import iso
from collector.settings import Settings


@click.group()
def host() -> None:
    """Register the people who host kits, and forget them.

    A host is known to the rest of citimeasure by a random id. Name and e-mail address stand in the registry alone.
    """


@host.command()
@with_settings()
def add(settings: Settings) -> None:
    """Register a host; asks for a name and an e-mail address, and prints the id.

    Both may be left empty. They are asked for, not given as options, so that no history of commands keeps them; two
    lines on stdin will do.

    \b
    citimeasure host add
    """
    from collector.registry import Registry
    from collector.service import prepare_folder

    name = click.prompt("Name (may be empty)", default="", show_default=False, err=True)
    email = click.prompt("E-mail address (may be empty)", default="", show_default=False, err=True)
    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        made = registry.people.add(name, email)
    click.echo(made.id)
    click.echo(f"What does this person allow? `citimeasure consent grant {made.id} PURPOSE`", err=True)


@host.command("list")
@with_settings()
@output_option
def list_(settings: Settings, output: str) -> None:
    """Show all hosts by their ids: their kits, and what they allow. No names."""
    from collector.registry import Registry

    need_folder(settings)
    rows = []
    with Registry(settings.registry_url) as registry:
        for one in registry.people.all():
            kits = [place.device for place in registry.people.deployments(one.id) if place.until is None]
            given = [name for name, last in registry.people.consents(one.id).items() if last.given]
            rows.append(
                {
                    "host": one.id,
                    "since": iso(one.created),
                    "erased": iso(one.erased) if one.erased else None,
                    "kits": ", ".join(kits),
                    "allows": ", ".join(sorted(given)),
                }
            )
    emit(rows, output, notes=[] if rows else ["No hosts yet. `citimeasure host add` registers one."])


@host.command()
@with_settings()
@click.argument("id_", metavar="HOST")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def show(settings: Settings, id_: str, output: str) -> None:
    """Show all that is known of a host: what to hand over to one who asks.

    Name, e-mail address and exact places too, so mind who reads along.

    \b
    citimeasure host show host-7hx3m9ab -o json
    """
    import json

    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        one = registry.people.one(id_)
        places, decisions = registry.people.deployments(id_), registry.people.decisions(id_)
    person = {
        "host": one.id,
        "name": one.name,
        "email": one.email,
        "since": iso(one.created),
        "erased": iso(one.erased) if one.erased else None,
    }
    hung = [
        {"device": d.device, "from": iso(d.start), "to": iso(d.until) if d.until else None, "latitude": d.latitude,
         "longitude": d.longitude, "grid": d.grid, "height": d.height, "project": d.project}
        for d in places
    ]  # fmt: skip
    decided = [_said(one) for one in decisions]
    if output == "json":
        click.echo(json.dumps({**person, "kits": hung, "consents": decided}, ensure_ascii=False, indent=1))
        return
    emit([person], output)
    for title, rows in (("Kits", [{**one, "latitude": str(one["latitude"]), "longitude": str(one["longitude"])}
                                  for one in hung]), ("Consents", decided)):  # fmt: skip
        if rows:
            emit(rows, output, title=f"\n{title}")


def _said(one: Any) -> dict[str, Any]:
    return {"purpose": one.purpose, "allowed": one.given, "at": iso(one.moment), "text": one.text_version}


@host.command()
@with_settings()
@click.argument("id_", metavar="HOST")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(settings: Settings, id_: str, yes: bool) -> None:
    """Forget a host: name, e-mail address and exact places, everywhere.

    All consents are withdrawn and kits that hang there are locked out. What they measured stays, without person and
    exact place, and no export holds it any more. Then every file of the folder and every table is searched for what
    should be gone. Cannot be undone.

    \b
    citimeasure host erase host-7hx3m9ab
    """
    from collector import erasing
    from collector.errors import Refused
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        known = erasing.traces(registry, id_)
        if not yes:
            kits = sorted({one.device for one in registry.people.deployments(id_) if one.until is None})
            locked = f" and lock out {', '.join(kits)}" if kits else ""
            click.confirm(f"Erase {id_}{locked}? It cannot be undone.", abort=True, err=True)
        kits = erasing.erase(registry, id_)
        with progress("searching bytes", None) as report:
            left = erasing.search(settings, registry, known, report)
    for kit in kits:
        click.echo(f"{kit} is locked out. If it goes to somebody else: citimeasure device rotate {kit}", err=True)
    if left:
        raise Refused(
            f"{id_} is erased, but its name, address or place is still in {', '.join(left)}.",
            "Nobody but you knows why: a backup, a note, a file put there by hand. Remove or clear it.",
        )
    click.echo(
        f"{id_} is erased, and no file or table here tells who or where it was. Backups made before still do: remove"
        " them, or give the same command again after restoring one.",
        err=True,
    )


@click.group()
def consent() -> None:
    """Write down what hosts allow, purpose by purpose."""


@consent.command()
@with_settings()
@click.argument("id_", metavar="HOST")
@click.argument("purposes", metavar="PURPOSE...", nargs=-1, required=True)
@click.option("--at", type=Moment(), default="now", help="When it was said. [now]")
def grant(settings: Settings, id_: str, purposes: tuple[str, ...], at: int) -> None:
    """Write down that a host allows one purpose or several.

    Ask with the sentences of `citimeasure consent texts`: their version is written down beside the answer.

    \b
    citimeasure consent grant host-7hx3m9ab map research
    citimeasure consent grant host-7hx3m9ab forward:sensor-community --at 2026-03-01
    """
    _decide(settings, id_, purposes, at, True)


@consent.command()
@with_settings()
@click.argument("id_", metavar="HOST")
@click.argument("purposes", metavar="PURPOSE...", nargs=-1, required=True)
@click.option("--at", type=Moment(), default="now", help="When it was said. [now]")
def withdraw(settings: Settings, id_: str, purposes: tuple[str, ...], at: int) -> None:
    """Write down that a host allows a purpose no more; exports made from now on hold nothing of it, of the past either.

    \b
    citimeasure consent withdraw host-7hx3m9ab open-data
    """
    _decide(settings, id_, purposes, at, False)


def _decide(settings: Settings, id_: str, purposes: tuple[str, ...], at: int, given: bool) -> None:
    from collector.registry import Registry
    from collector.registry.purposes import purpose

    need_folder(settings)
    for one in purposes:
        purpose(one)  # all of them are right, or none is written down
    with Registry(settings.registry_url) as registry:
        for one in purposes:
            registry.people.decide(id_, one, given, moment=at)
    click.echo(f"{id_} {'allows' if given else 'no longer allows'} {', '.join(purposes)}.", err=True)


@consent.command("show")
@with_settings()
@click.argument("id_", metavar="[HOST]", required=False)
@click.option("--history", is_flag=True, help="All decisions, not only those that hold.")
@output_option
def show_consents(settings: Settings, id_: str | None, history: bool, output: str) -> None:
    """Show what a host, or every host, allows.

    \b
    citimeasure consent show
    citimeasure consent show host-7hx3m9ab --history
    """
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        if id_ is not None:
            registry.people.one(id_)
        decisions = registry.people.decisions(id_)
    if not history:
        decisions = list({(one.host, one.purpose): one for one in decisions}.values())
    rows = [{"host": one.host, **_said(one)} for one in decisions]
    emit(rows, output, notes=[] if rows else ["Nothing is allowed yet. `citimeasure consent texts` is what to ask."])


@consent.command()
@click.option("--language", type=click.Choice(["en", "nl"]), default="en", show_default=True)
@output_option
def texts(language: str, output: str) -> None:
    """Print the purposes, and the sentence that a host is asked for each.

    \b
    citimeasure consent texts --language nl
    """
    from collector.registry.purposes import PURPOSES, TEXT_VERSION

    rows = [{"purpose": one.name, "text": TEXT_VERSION, "asked": getattr(one, language)} for one in PURPOSES]
    emit(rows, output)
