# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure doctor`: is the set-up right, and where does each setting come from?"""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import click

from collector.cli.options import emit, output_option
from collector.settings import Settings, load, shown


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the data lie. [citimeasure-data]")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings; citimeasure.toml if it is there."
)
@click.option("--settings", "show_settings", is_flag=True, help="Show every setting, its value and where it is from.")
@output_option
def doctor(folder: Path | None, config: Path | None, show_settings: bool, output: str) -> None:
    """Check the set-up, and say what to do.

    Ends with exit code 1 if something must be mended.
    """
    settings, origin = load({"folder": folder}, config=config)
    if show_settings:
        emit(_settings(settings, origin), output)
        return
    from collector.doctor import examine

    findings = list(examine(settings))
    if output != "table":
        emit([asdict(finding) for finding in findings], output)
    else:
        for finding in findings:
            mark = {True: "✓", False: "✗", None: "·"}[finding.good]
            click.echo(f"{mark} {finding.what}: {finding.text}")
            if finding.good is False and finding.hint:
                click.echo(f"  {finding.hint}")
    if any(finding.good is False for finding in findings):
        raise SystemExit(1)


def _settings(settings: Settings, origin: dict[str, str]) -> list[dict[str, str]]:
    return [
        {
            "setting": one.name,
            "value": shown(one.name, getattr(settings, one.name)),
            "from": origin[one.name],
            "meaning": one.metadata["about"],
        }
        for one in fields(settings)
    ]
