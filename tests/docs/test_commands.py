# SPDX-License-Identifier: EUPL-1.2
"""Every command line in the documentation can be typed: each goes through the parser of the real command line.

Options that do not exist, values that are none, missing arguments and unknown `make` targets all fail here. Nothing is
run. Lines of other programs are left alone.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from collector.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("hardware/**/*.md"), ROOT / "README.md"])
FENCE = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`(citimeasure [^`]+)`")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> list[str]:
    """What stands behind `$ ` or `# ` in console blocks, with continued lines joined."""
    lines: list[str] = []
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*[$#] (.+)", line)
            if found:
                lines.append(found[1])
    return lines


def words_of(line: str) -> list[str]:
    """The words of a command, without what the shell does with its output."""
    words = shlex.split(line)
    if words[:2] == ["sudo", "-u"]:
        words = words[3:]
    words[0] = words[0].rpartition("/")[2]
    ends = [n for n, word in enumerate(words) if word in ("|", ">", ">>", "&&", "&")]
    return words[: ends[0]] if ends else words


def parse(words: list[str]) -> None:
    """Sends a command's words through click's parser, down to the last command; raises click.UsageError."""
    command, context, name, rest = cli, None, "citimeasure", list(words)
    while True:
        context = command.make_context(name, rest, parent=context)
        if not isinstance(command, click.Group):
            return
        if command.invoke_without_command and not (context._protected_args or context.args):
            return
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found


def described() -> list[tuple[str, str]]:
    return [(str(page.relative_to(ROOT)), line) for page in PAGES for line in command_lines(page.read_text())]


@pytest.mark.parametrize(("page", "line"), described())
def test_a_command_in_the_documentation_can_be_typed(page, line):
    program, *words = words_of(line)
    if program == "citimeasure":
        parse(words)
    elif program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        wanted = [word for word in words if "=" not in word]
        assert set(wanted) <= set(targets)


def test_commands_named_in_running_text_exist():
    """`citimeasure calibrate fit` in a sentence: its words are commands, and its options are theirs."""
    named = {(page.name, one) for page in PAGES for one in CODE.findall(FENCED.sub("", page.read_text()))}
    assert named
    for page, text in named:
        command = cli
        for word in shlex.split(text)[1:]:
            if word.startswith("-"):
                options = {opt for parameter in command.params for opt in parameter.opts} | {"--help", "-h"}
                assert word in options, f"{page}: {text}"
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, f"{page}: {text}"
                command = found


def test_every_command_has_an_example_in_the_documentation():
    shown = {words_of(line)[1] for page, line in described() if line.startswith("citimeasure ")}
    run_by_make = {"demo"}
    assert set(COMMANDS) - run_by_make <= shown


@pytest.mark.parametrize(
    "line",
    ["query kit-7hx3m9ab", "query kit-7hx3m9ab pm25 --lost 7d", "device ad", "query a pm25 --last soon", "flush"],
)
def test_a_wrong_command_is_found(line):
    with pytest.raises(click.UsageError):
        parse(line.split())
