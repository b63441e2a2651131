#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Rules of the house that no linter knows: licences, sizes of files, links in Markdown, the change log.

`make check` runs it as a script: it prints what is wrong, one line each, and exits 1 if there is anything. What comes
in is a folder and the files that git knows there; each check returns its findings and changes nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

MAX_LINES = 400
SPDX = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]*[A-Za-z0-9+])")
# Licence texts themselves; a licence line in them would be a change to the text.
TEXTS = ("LICENSE", "LICENSES/*")
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
EXPLICIT_ANCHOR = re.compile(r"^\(([\w-]+)\)=\s*$", re.MULTILINE)


def git_files(root: Path) -> list[str]:
    """The files that git knows in a folder and that are still there, with forward slashes."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout.decode()
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def wanted_licence(name: str) -> str:
    """The licence a file has to be under: programs, documentation and hardware each have their own."""
    suffix = PurePosixPath(name).suffix
    if suffix in (".py", ".sh"):
        return "EUPL-1.2"
    if name.startswith("hardware/"):
        return "CERN-OHL-W-2.0"
    if suffix in (".md", ".svg", ".png"):
        return "CC-BY-4.0"
    return "EUPL-1.2"


def check_licences(root: Path, files: list[str]) -> Iterator[str]:
    """Each file names its licence in its first three lines, or REUSE.toml does, and it is the right one."""
    annotations = tomllib.loads((root / "REUSE.toml").read_text())["annotations"]
    for name in files:
        if any(fnmatchcase(name, pattern) for pattern in TEXTS):
            continue
        found = _own_licence(root / name) or _annotated_licence(name, annotations)
        if found is None:
            yield f"{name}: no SPDX-License-Identifier in its first three lines, and none in REUSE.toml"
        elif found != wanted_licence(name):
            yield f"{name}: is under {found}, but files of its kind are under {wanted_licence(name)}"
        elif not (root / "LICENSES" / f"{found}.txt").is_file():
            yield f"{name}: is under {found}, whose text is not in LICENSES/"


def _own_licence(path: Path) -> str | None:
    head = path.read_bytes()[:2000].split(b"\n")[:3]
    found = SPDX.search(b"\n".join(head).decode(errors="replace"))
    return found[1] if found else None


def _annotated_licence(name: str, annotations: list[dict[str, str]]) -> str | None:
    fitting = [one for one in annotations if fnmatchcase(name, one["path"].replace("**", "*"))]
    return fitting[-1].get("SPDX-License-Identifier") if fitting else None


def check_sizes(root: Path, files: list[str]) -> Iterator[str]:
    """No Python file is too long to be read in one sitting."""
    for name in files:
        if name.endswith(".py"):
            lines = len((root / name).read_text().splitlines())
            if lines > MAX_LINES:
                yield f"{name}: {lines} lines; over {MAX_LINES} it wants to be two files"


def check_links(root: Path, files: list[str]) -> Iterator[str]:
    """Relative links in Markdown lead to a file that git knows, and to a heading that it has."""
    known = set(files)
    for name in files:
        if not name.endswith(".md"):
            continue
        for target in links((root / name).read_text()):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = target.partition("#")
            there = _normal(PurePosixPath(name).parent / path) if path else name
            if there not in known and not any(one.startswith(f"{there}/") for one in known):
                yield f"{name}: the link {target!r} leads to {there}, which git does not know"
            elif anchor and there.endswith(".md") and anchor not in anchors((root / there).read_text()):
                yield f"{name}: the link {target!r} leads to a heading that is not in {there}"


def links(text: str) -> list[str]:
    """The targets of all links and pictures in a Markdown text, but not in its code."""
    return LINK.findall(INLINE_CODE.sub("", FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """What a link into a Markdown text may name: its headings as slugs, and its explicit targets."""
    headings = HEADING.findall(FENCE.sub("", text))
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(EXPLICIT_ANCHOR.findall(text))


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def check_changelog(root: Path, _: list[str]) -> Iterator[str]:
    """The change log has a heading for the version that pyproject.toml names."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if not re.search(rf"^## {re.escape(version)}\b", (root / "CHANGELOG.md").read_text(), re.MULTILINE):
        yield f"CHANGELOG.md: no heading for the version {version} of pyproject.toml"


CHECKS = (check_licences, check_sizes, check_links, check_changelog)


def problems(root: Path) -> list[str]:
    """Everything that is wrong in the folder, as lines for people."""
    files = git_files(root)
    return [line for check in CHECKS for line in check(root, files)]


if __name__ == "__main__":
    wrong = problems(Path(__file__).resolve().parents[2])
    print("\n".join(wrong) or "The house is in order.")
    sys.exit(bool(wrong))
