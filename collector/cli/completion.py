# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure completion`, and what shells are offered while a command is typed: kits, stations and quantities."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what lets a shell complete commands.

    Commands, options, kits, stations and quantities are completed with the Tab key then. The first line below does it
    for this shell; write it into ~/.bashrc or ~/.zshrc to keep it.

    \b
    eval "$(citimeasure completion bash)"
    eval "$(citimeasure completion zsh)"
    citimeasure completion fish > ~/.config/fish/completions/citimeasure.fish
    """
    from collector.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None, shell  # click knows the three above
    click.echo(kind(cli, {}, "citimeasure", "_CITIMEASURE_COMPLETE").source())


def sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kits, stations and projects of the registry; none where it cannot be read, as nobody waits for an error here."""
    from collector.errors import CitimeasureError
    from collector.registry import Registry
    from collector.settings import load

    try:
        settings, _ = load({"folder": ctx.params.get("folder")}, config=ctx.params.get("config"))
        if not settings.folder.is_dir():
            return []
        with Registry(settings.registry_url) as registry:
            names = [one.id for one in registry.devices()]
            names += [one.source for one in registry.stations()]
            names += [f"project:{one.id}" for one in registry.projects()]
    except CitimeasureError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def quantities(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Quantities of the glossary with their units."""
    from collector.quantities import QUANTITIES

    return [CompletionItem(name, help=one.unit) for name, one in QUANTITIES.items() if name.startswith(incomplete)]
