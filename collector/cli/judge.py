# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure judge`: flags stored values anew, over any period."""

from __future__ import annotations

import click

from collector.cli.options import emit, need_folder, output_option, period_options, progress, with_settings
from collector.errors import NothingFound
from collector.moments import iso
from collector.settings import Settings


@click.command()
@with_settings("stores")
@period_options
@click.option("--device", "devices", multiple=True, metavar="DEVICE", help="Only this one; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Only count what would be flagged.")
@output_option
def judge(settings: Settings, after: int, until: int, devices: tuple[str, ...], dry_run: bool, output: str) -> None:
    """Flag stored values anew; the values stay as they are.

    Makes all tests on what the stores hold, those too that need the values before, behind and of kits nearby: spikes,
    jumps, flat lines. Prints how many values each test flagged. Doing it again changes nothing; if it is interrupted,
    begin again with --from at the time that it said last.

    \b
    citimeasure judge --last 2d
    citimeasure judge --from 2026-01-01 --to 2026-02-01 --device kit-7hx3m9ab --dry-run
    """
    from collector.judge import load_limits
    from collector.judging import Judge, Places, Summary
    from collector.registry import Registry
    from collector.store import open_store

    need_folder(settings)
    limits = load_limits(settings.limits)
    with Registry(settings.registry_url) as registry:
        for device in devices:
            registry.device(device)
        places = Places(registry.deployments())
    rows, done = [], "would change" if dry_run else "changed"
    for name in settings.stores:
        store = open_store(name, settings)
        try:
            whole = Summary()
            with progress(f"Values of {name}", None) as tell:
                day = None
                for end, part in Judge(store, places, limits, dry_run=dry_run).run(devices or None, after, until):
                    whole.add(part)
                    tell(whole.values)
                    if day is not None and end > day:
                        click.echo(f"{name}: done until {iso(end)}, {whole.changed} flags {done}", err=True)
                    day = end
        finally:
            store.close()
        click.echo(f"{name}: {whole.values} values judged, {whole.changed} flags {done}.", err=True)
        if not whole.values:
            raise NothingFound(f"The store {name} has no values of these kits in that period.")
        for device in sorted(whole.found):
            for test, n in sorted(whole.found[device].items()):
                rows.append({"store": name, "device": device, "test": test, "values": n})
    emit(rows, output, notes=[] if rows else ["No test had anything to say."])
