# SPDX-License-Identifier: EUPL-1.2
"""Private names become short, and nothing else changes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import build, names
from firmware.errors import ToolError
from tests.firmware import board

HOLDER = """
LIMIT = 3
_table = {}
class Base:
    def __init__(self, value, scale=2):
        self._value, self.scale = value, scale
    def _secret_sum(self, other_value):
        return self._value * self.scale + other_value
    def show(self):
        _table[self._value] = self._secret_sum(other_value=LIMIT)
        return sorted(_table.items()), getattr(self, "_by_text", None)
    def mark(self, type):
        self._by_text = type
"""
HEIR = """
from holder import Base
class Heir(Base):
    def __init__(self, value):
        super().__init__(value)
        self._own = 10
    def total(self, extra_value):
        return self._value + self._own + extra_value
"""
SOURCES = {"holder.py": HOLDER, "heir.py": HEIR}


def test_only_what_nobody_else_can_mean_is_renamed():
    table = names.short_names(SOURCES)
    assert table["holder.py"] is table["heir.py"], "a class and its heir share their attributes"
    assert table["heir.py"].keys() == {"self", "_value", "_table", "_secret_sum", "_own", "value", "extra_value"}
    assert len(set(table["heir.py"].values())) == len(table["heir.py"])
    assert max(map(len, table["heir.py"].values())) == 2


def test_renamed_modules_do_the_same(tmp_path):
    table = names.short_names(SOURCES)
    for file, text in SOURCES.items():
        (tmp_path / file).write_text(text)
        mpy = names.rename(build.compiled(tmp_path / file, file, "x86"), table[file])
        (tmp_path / file).with_suffix(".mpy").write_bytes(mpy)
        (tmp_path / file).unlink()
        assert b"_secret_sum" not in mpy and b"_own" not in mpy and b"_table" not in mpy
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from heir import Heir; h = Heir(4); h.mark('t');"
        "print(h.show(), h.total(1), h.scale)"
    )
    assert board.run(code).strip() == "([(4, 11)], 't') 15 2"


def test_a_private_name_of_another_module_is_refused():
    with pytest.raises(ToolError, match=r"other\.py uses _value, which is private elsewhere"):
        names.short_names({**SOURCES, "other.py": "def peep(base):\n    return base._value\n"})


def test_two_builds_are_alike_whatever_the_order_of_sets():
    code = "from firmware import build, names; print(names.short_names(build.modules()))"
    root = board.DEVICE.parents[1]
    told = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, cwd=root)
        told.add(done.stdout)
    assert len(told) == 1 and told != {b""}


def test_a_traceback_gets_its_names_back():
    table = names.short_names(build.modules())
    short = table["kit/core/app.py"]["_drive"]
    line = f'  File "kit/core/app.py", line 185, in {short}'
    assert names.full_trace(line, table) == '  File "kit/core/app.py", line 185, in _drive'
    others = "broker: [Errno 111]", '  File "kit/core/app.py", line 12, in run', '  File "x.py", line 1, in _0'
    for other in others:
        assert names.full_trace(other, table) == other


def test_what_is_no_mpy_file_is_refused():
    with pytest.raises(ToolError, match=r"no \.mpy file of version 6"):
        names.rename(b"M\x05\x02\x1f", {})


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=200), unique=True), st.binary(max_size=50))
def test_a_table_of_names_comes_back_as_it_was(words, rest):
    def table(texts):
        each = b"".join(names._encoded(len(text) << 1) + text.encode() + b"\0" for text in texts)
        return b"M\x06\x00\x1f" + names._encoded(len(texts)) + names._encoded(3) + each + rest

    assert names.rename(table(words), {}) == table(words)
    longer = {word: f"{word}{'x' * 130}" for word in words}
    assert names.rename(table(words), longer) == table(longer.values())
