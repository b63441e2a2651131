# SPDX-License-Identifier: EUPL-1.2
"""Fills the parts of the reference that the code itself knows: words, reasons, settings, commands, exit codes.

In a page, what lies between `<!-- made: NAME -->` and `<!-- end -->` is replaced by what the function of that name in
`BLOCKS` returns; the rest is written by hand. `asyncapi.yaml` is written whole. Running it again changes nothing. With
`--check` it writes nothing, names what is stale and exits 1. `make docs` and the tests call it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path

import asyncapi  # docs/asyncapi.py
import click

import calibration
from calibration.models import MODELS
from collector import errors, judge, logs, message, settings
from collector import reasons as codes
from collector.api.app import make_app
from collector.api.problems import KINDS
from collector.cli import cli
from collector.export import columns
from collector.ingest.http import REFUSALS
from collector.quantities import QUANTITIES, UNIT_NAMES

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(r"<!-- made: ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)
# Acknowledged and kept, but worth a word; every other reason refuses.
NOTED = (message.Reason.DUPLICATE, message.Reason.LATE, message.Reason.UNKNOWN_QUANTITY)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") or " " for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def quantities() -> str:
    """Every quantity of the glossary."""
    return table(
        ("name", "unit", "what it is", "plausible", "longer intervals", "CF standard name"),
        [
            (
                f"`{one.name}`",
                f"`{one.unit}`",
                one.title,
                f"{one.low:g} to {one.high:g}",
                "none" if one.averaging.value == "none" else one.averaging.value,
                f"`{one.cf_name}`" if one.cf_name else "",
            )
            for one in QUANTITIES.values()
        ],
    )


def units() -> str:
    """Which spellings of a unit are understood, and the factors of gases."""
    spellings: dict[str, list[str]] = {}
    for spelling, name in UNIT_NAMES.items():
        spellings.setdefault(name, []).append(f"`{spelling}`")
    names = table(
        ("unit", "also written, in small or capital letters"), [(f"`{k}`", ", ".join(v)) for k, v in spellings.items()]
    )
    gases = [one for one in QUANTITIES.values() if one.molar_mass is not None]
    factors = table(("gas", "µg/m³ in 1 ppb"), [(f"`{one.name}`", f"{one.ug_per_ppb:.4f}") for one in gases])
    return f"{names}\n\nOne ppb of a gas at 20 °C and 1013 hPa:\n\n{factors}"


def flags() -> str:
    """The primary flags."""
    return table(("flag", "name"), [(str(one.value), one.name.lower().replace("_", " ")) for one in judge.Flag])


def tests() -> str:
    """The bits of the mask of tests, with the comments beside them."""
    about = comments(judge.Test)
    return table(
        ("bit", "name", "meaning"), [(str(one.value), one.name.lower(), about[one.name]) for one in judge.Test]
    )


def limit_names() -> str:
    """What each limit of the judge means."""
    about = re.findall(r"^ {4}([a-z_]+): .*?  # (.+)$", inspect.getsource(judge.Limits), re.MULTILINE)
    missing = {one.name for one in fields(judge.Limits)} - {name for name, _ in about}
    if missing:
        raise SystemExit(f"Limits: no comment says what {', '.join(sorted(missing))} means")
    return table(("limit", "meaning"), [(f"`{name}`", text) for name, text in about])


def judge_limits() -> str:
    """The limits of each quantity."""

    def pair(one: judge.Limits, name: str, ending: str = "") -> str:
        both = [getattr(one, f"{name}_{grade}{ending}") for grade in ("suspect", "fail")]
        return " / ".join("-" if limit is None else f"{limit:g}" for limit in both) if any(both) else ""

    rows = []
    for name, one in judge.LIMITS.items():
        quantity = QUANTITIES[name]
        flat = pair(one, "flat", "_h")
        nearby = "" if one.neighbour_floor is None else f"{one.neighbour_floor:g}"
        if nearby and one.neighbour_share:
            nearby += f" and {one.neighbour_share:.0%}"
        rows.append(
            (
                f"`{name}`", f"`{quantity.unit}`", f"{quantity.low:g} to {quantity.high:g}", pair(one, "spike"),
                pair(one, "rate"), f"{flat} (within {one.flat_tolerance:g})" if flat else "", pair(one, "attenuated"),
                nearby,
            )
        )  # fmt: skip
    head = ("quantity", "unit", "range", "spike", "rate [1/min]", "flat line [h]", "least in a day", "neighbours")
    return table(head, rows)


def reasons() -> str:
    """Why something is refused, or noted."""
    about = comments(message.Reason)
    return table(
        ("code", "named under", "meaning"),
        [(f"`{one.value}`", "`noted`" if one in NOTED else "`rejected`", about[one.name]) for one in message.Reason],
    )


def reason_words() -> str:
    """What each code says to a host, in both languages."""
    rows = [(f"`{code}`", *(str(codes.words(code, language)) for language in codes.LANGUAGES)) for code in codes.CODES]
    return table(("code", "English", "Nederlands"), rows)


def comments(enum: type[Enum]) -> dict[str, str]:
    """The comment behind each member of an enumeration."""
    found = dict(re.findall(r"^\s+([A-Z_]+) = .*?  # (.+)$", inspect.getsource(enum), re.MULTILINE))
    missing = set(enum.__members__) - set(found)
    if missing:
        raise SystemExit(f"{enum.__name__}: no comment says what {', '.join(sorted(missing))} means")
    return found


def limits() -> str:
    """The size of a message."""
    return f"A message is at most **{message.MAX_BYTES} bytes** (8 KiB). Its topic matches `{message.SUBSCRIPTION}`."


def export_data() -> str:
    """The columns of data, and in which level of an export each is."""
    found: dict[columns.Column, list[str]] = {}
    for (every, level), names in columns.DATA.items():
        for one in names:
            found.setdefault(one, []).append(f"{level} by the {every}")
    everywhere = len(columns.DATA)
    return table(
        ("column", "type", "meaning", "in"),
        [
            (f"`{one.name}`", one.kind, one.about, "all" if len(where) == everywhere else ", ".join(where))
            for one, where in found.items()
        ],
    )


def export_tables() -> str:
    """The columns of the other tables of an export."""
    tables = {
        "devices": columns.DEVICES,
        "stations": columns.STATIONS,
        "withdrawn": columns.WITHDRAWN,
        "coverage": columns.COVERAGE,
    }
    return "\n\n".join(
        f"### {name}.csv\n"
        + table(
            ("column", "type", "unit", "meaning"),
            [(f"`{one.name}`", one.kind, f"`{one.unit}`" if one.unit else "", one.about) for one in found],
        )
        for name, found in tables.items()
    )


def all_settings() -> str:
    """Each setting with its default and variable."""
    rows = []
    for one in fields(settings.Settings):
        default = ",".join(one.default) if isinstance(one.default, tuple) else str(one.default)
        shown = f"`{default}`" if default else "empty"
        rows.append((f"`{one.name}`", shown, f"`{settings.PREFIX}{one.name.upper()}`", one.metadata["about"]))
    return table(("setting", "default", "environment variable", "meaning"), rows)


def events() -> str:
    """The events of the log."""
    named: dict[str, tuple[list[str], str]] = {}
    for text, event in logs.EVENTS.items():
        name, *words = event.split()
        named.setdefault(name, (words, text))
    rows = [(f"`{name}`", ", ".join(f"`{one}`" for one in words), text) for name, (words, text) in named.items()]
    return table(("event", "fields", "text"), rows)


def http_refusals() -> str:
    """What the HTTPS way in says to what it does not take."""
    rows = [(str(status), f"`{word}`", detail) for status, (word, detail) in REFUSALS.items()]
    return table(("status", "`error`", "`detail`"), rows)


def api_pages() -> str:
    """Every page of the API, with its parameters and the fields of its answers, from openapi.json."""
    document = make_app().openapi()
    texts = []
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            rows = [
                (f"`{had['name']}`", "yes" if had.get("required") else "", had.get("description", ""))
                for had in one.get("parameters", [])
            ]
            parameters = f"\n\n{table(('parameter', 'needed', 'meaning'), rows)}" if rows else ""
            texts.append(f"### {method.upper()} {path}\n{one['description']}{parameters}")
    return "\n\n".join(texts)


def api_fields() -> str:
    """The fields of the API's rows."""
    schemas = make_app().openapi()["components"]["schemas"]
    rows = ("Value", "Project", "Device", "Measured", "Deployment", "Station", "Calibration")
    return "\n\n".join(
        f"### {name}\n{schemas[name]['description']}\n\n"
        + table(
            ("field", "meaning"), [(f"`{k}`", v.get("description", "")) for k, v in schemas[name]["properties"].items()]
        )
        for name in rows
    )


def api_problems() -> str:
    """The kinds of problems."""
    return table(("kind", "status", "meaning"), [(f"`{k}`", str(status), text) for k, (status, text) in KINDS.items()])


def exit_codes() -> str:
    """Exit codes, from the classes of errors."""
    root = errors.CitimeasureError
    found: dict[int, list[str]] = {
        0: ["done"],
        root.exit_code: ["failed, and no other line fits"],
        2: ["wrong words on the command line"],
        130: ["interrupted with Ctrl-C"],
    }
    for one in vars(errors).values():
        if inspect.isclass(one) and issubclass(one, root) and one is not root:
            found.setdefault(one.exit_code, []).append(f"`{one.__name__}`: {first_line(one.__doc__)}")
    return table(("code", "what happened"), [(str(code), "<br>".join(texts)) for code, texts in sorted(found.items())])


def first_line(text: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def models() -> str:
    """The models of calibration."""
    return table(("name", "what it is"), [(f"`{name}`", first_line(one.__doc__)) for name, one in MODELS.items()])


def library() -> str:
    """What the calibration library offers."""
    texts = []
    for name in calibration.__all__:
        one = getattr(calibration, name)
        if inspect.isfunction(one):
            signature = str(inspect.signature(one)).replace("'", "")
            text = inspect.cleandoc(one.__doc__ or "")
            texts.append(f"### {name}\n```python\n{name}{signature}\n```\n```text\n{text}\n```")
        elif inspect.isclass(one):
            texts.append(f"### {name}\n{first_line(one.__doc__)}")
    return "\n\n".join(texts)


def commands() -> str:
    """Every command's own help."""
    return "\n\n".join(_help(cli, "citimeasure", None))


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=name if parent is None else name.split()[-1], parent=parent)
    context.terminal_width = context.max_content_width = 100
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"## {name}\n```text\n{text}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is None:
                raise SystemExit(f"{name} lists the command {child} but has none of that name")
            yield from _help(found, f"{name} {child}", context)


BLOCKS: dict[str, Callable[[], str]] = {
    "quantities": quantities,
    "units": units,
    "flags": flags,
    "tests": tests,
    "reasons": reasons,
    "reason-words": reason_words,
    "limits": limits,
    "limit-names": limit_names,
    "judge-limits": judge_limits,
    "export-data": export_data,
    "export-tables": export_tables,
    "settings": all_settings,
    "events": events,
    "http-refusals": http_refusals,
    "api-pages": api_pages,
    "api-fields": api_fields,
    "api-problems": api_problems,
    "exit-codes": exit_codes,
    "models": models,
    "library": library,
    "commands": commands,
}


def filled(text: str) -> str:
    """A page with its blocks made anew."""
    return BLOCK.sub(lambda found: f"<!-- made: {found[1]} -->\n{BLOCKS[found[1]]()}\n<!-- end -->", text)


def results() -> dict[Path, str]:
    """What every page with blocks, and asyncapi.yaml, ought to hold."""
    pages = [page for page in sorted(HERE.glob("*/*.md")) if BLOCK.search(page.read_text())]
    return {**{page: filled(page.read_text()) for page in pages}, HERE / "reference/asyncapi.yaml": asyncapi.text()}


def main(arguments: list[str]) -> int:
    """Writes what is stale, or with --check only names it; the exit code."""
    check, stale = "--check" in arguments, False
    for path, text in results().items():
        if path.exists() and path.read_text() == text:
            continue
        stale = True
        print(f"{path.relative_to(HERE.parent)} {'is stale: run python docs/generate.py' if check else 'written'}")
        if not check:
            path.write_text(text)
    return int(stale and check)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
