# SPDX-License-Identifier: EUPL-1.2
"""The generated parts of the reference are fresh, and the checker notices when they are not; the site builds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from collector import judge
from collector.message import Reason
from collector.quantities import QUANTITIES
from collector.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"


def generate(docs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(docs / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(ROOT / "docs", tmp_path / "docs")


def test_the_reference_is_fresh():
    found = generate(ROOT / "docs", "--check")
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_stale_page_is_found_and_mended(copy):
    page = copy / "reference/words.md"
    fresh = page.read_text()
    page.write_text(fresh.replace("`pm25`", "`pm2.5`"))
    found = generate(copy, "--check")
    assert found.returncode == 1
    assert "words.md" in found.stdout
    assert page.read_text() != fresh  # --check writes nothing
    assert generate(copy).returncode == 0
    assert page.read_text() == fresh
    assert generate(copy, "--check").returncode == 0


def test_every_word_of_the_code_is_in_its_page():
    pages = {name: (REFERENCE / f"{name}.md").read_text() for name in ("words", "message", "settings")}
    assert all(f"| `{name}` |" in pages["words"] for name in QUANTITIES)
    assert all(f"| {one.name.lower()} |" in pages["words"] for one in judge.Test)
    assert all(f"| {one.value} |" in pages["words"] for one in judge.Flag)
    assert all(f"| `{one.value}` |" in pages["message"] for one in Reason)
    assert all(f"| `{one.name}` |" in pages["settings"] for one in fields(Settings))


def test_every_reason_is_explained_to_people():
    page = (ROOT / "docs/how-to/read-rejections.md").read_text()
    explained = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.+?) \|", page, re.MULTILINE))))
    assert explained == {one.value for one in Reason}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Sphinx's run with every warning an error, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html", "-d", str(folder / "trees")]
    return subprocess.run([*command, str(ROOT / "docs"), str(folder / "html")], capture_output=True, text=True), folder


def test_the_site_builds_without_a_warning(built):
    run, folder = built
    assert run.returncode == 0, run.stderr
    pages = {page.relative_to(folder / "html").with_suffix("") for page in (folder / "html").rglob("*.html")}
    assert {page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")} <= pages


def test_the_site_asks_nothing_of_other_servers(built):
    _, folder = built
    for page in (folder / "html").rglob("*.html"):
        text = page.read_text()
        fetched = re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"(https?:[^\"]+)\"", text)
        assert not fetched + re.findall(r"<link[^>]+stylesheet[^>]+href=\"(https?:[^\"]+)\"", text), page


def test_every_decision_is_in_the_index(built):
    _, folder = built
    index = (folder / "html/decisions/index.html").read_text()
    decisions = sorted((ROOT / "docs/decisions").glob("0*.md"))
    assert decisions
    assert all(f"{one.stem}.html" in index for one in decisions)


def test_every_picture_says_in_words_what_it_shows():
    pictures = sorted((ROOT / "docs").rglob("*.svg"))
    assert pictures
    for picture in pictures:
        assert re.search(r"<title\b.+<desc\b", picture.read_text(), re.DOTALL), picture
