# SPDX-License-Identifier: EUPL-1.2
"""The command line. `main` is the console command `citimeasure`.

Each command lives in a module of this package, which is imported only when the command is used: `citimeasure --help`
stays quick. Adding a command means adding its function, and a line to the table below.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem

from collector import __version__
from collector.errors import CitimeasureError

log = logging.getLogger(__name__)

# name: (module, one line of help). A test holds each line against the command's own help.
COMMANDS = {
    "run": ("run", "Collect readings until stopped."),
    "demo": ("demo", "Show the whole chain on a simulated neighbourhood."),
    "simulate": ("simulate", "Let simulated kits publish to a broker."),
    "replay": ("replay", "Publish a recorded CSV file as a kit would."),
    "query": ("query", "Print a series, raw or calibrated."),
    "plot": ("plot", "Draw series, as a picture or on the terminal."),
    "export": ("export", "Write series, with all that describes them, into a folder."),
    "serve": ("serve", "Answer questions over HTTP, for programs of cities and researchers."),
    "judge": ("judge", "Flag stored values anew; the values stay as they are."),
    "device": ("device", "Register kits and see how they do."),
    "project": ("places", "Register projects, to which kits belong."),
    "host": ("people", "Register the people who host kits, and forget them."),
    "consent": ("people", "Write down what hosts allow, purpose by purpose."),
    "fleet": ("fleet", "Update kits, and see how they do."),
    "reference": ("reference", "Bring in the data of official stations."),
    "calibrate": ("calibrate", "Fit kits to official stations, and judge the fit."),
    "build": ("build", "Compile the kit's firmware, and show its size."),
    "flash": ("flash", "Put MicroPython and the kit's firmware onto a board."),
    "provision": ("provision", "Set up a kit on a cable: its id, its collector, its Wi-Fi."),
    "monitor": ("monitor", "Show what a board says, with the time."),
    "selftest": ("selftest", "Let a board check itself, and print what it found."),
    "twin": ("twin", "Run the very firmware here, as a board on a serial port."),
    "broker": (
        "broker",
        "Set up brokers of your own: certificates, files for mosquitto or a cluster, answers to logins.",
    ),
    "sink": ("sink", "See how far each store has come, and fill one again."),
    "backup": ("backup", "Save registry, records, embedded store and spool into one file."),
    "restore": ("restore", "Fill an empty folder, and the registry, from a backup."),
    "doctor": ("doctor", "Check the set-up, and say what to do."),
    "completion": ("completion", "Print what lets a shell complete commands."),
}

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong setting, 4 nothing found, 5 board or serial port, "
    "6 network or store, 7 refused for privacy or soundness, 130 interrupted."
)


class Commands(click.Group):
    """A group that imports a command's module when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"collector.cli.{COMMANDS[cmd_name][0]}")
        return getattr(module, cmd_name)  # type: ignore[no-any-return]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items()]
        found = [one for one in commands if one.value.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else " See `citimeasure --help`."
            raise click.UsageError(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
@click.pass_context
def cli(ctx: click.Context, /, **_: Any) -> None:
    """Citizens' measurements of air and noise: collected, calibrated, open.

    \b
    Try it:                 citimeasure demo
    Collect for real:       citimeasure run --folder my-city
    Is everything right?    citimeasure doctor
    """
    _log(ctx.params["verbose"], ctx.params["quiet"])


def _log(verbose: bool, quiet: bool) -> None:
    from collector import logs

    logs.set_up(logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO)


def main(args: list[str] | None = None) -> None:
    """Runs a command; every expected error ends as one sentence, one hint and the right exit code."""
    debug = "--debug" in (sys.argv[1:] if args is None else args)
    try:
        cli.main(args=args, prog_name="citimeasure", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        raise SystemExit(_say("Interrupted.", 130)) from None
    except KeyboardInterrupt:
        raise SystemExit(_say("Interrupted.", 130)) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except CitimeasureError as error:
        if debug:
            raise
        from collector import logs

        if logs.for_programs():
            log.error("failed: %s %s", error, error.hint)
            raise SystemExit(error.exit_code) from None
        text = f"Error: {error}" + (f"\n{error.hint}" if error.hint else "")
        raise SystemExit(_say(text, error.exit_code)) from None


def _say(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code
