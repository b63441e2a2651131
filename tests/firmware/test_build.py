# SPDX-License-Identifier: EUPL-1.2
"""The real mpy-cross compiles the firmware for every machine; the real MicroPython imports what comes out."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import build
from firmware.chips import CHIPS, MACHINES
from firmware.errors import ToolError
from tests import parts
from tests.firmware import board

VIPER = """import micropython
@micropython.viper
def twice(n: int) -> int:
    return n * 2
"""
PLAIN = "NUMBER = 41\n"


def run(folder, code, heap="64k"):
    """Runs code on MicroPython, with the modules of a folder."""
    command = [str(parts.micropython()), "-X", f"heapsize={heap}", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={"MICROPYPATH": f"{folder}:.frozen"})


def files_of(folder):
    """Names of all files in it."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def small(tmp_path):
    """A firmware of two modules, one of them with machine code."""
    source = tmp_path / "source"
    (source / "kit").mkdir(parents=True)
    for name, text in (("boot.py", ""), ("main.py", "print(1)\n"), ("kit/fast.py", VIPER), ("kit/slow.py", PLAIN),
                       ("kit/page.html", "<p>")):  # fmt: skip
        (source / name).write_text(text)
    return source


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    target = tmp_path_factory.mktemp("trees")
    return target, build.build(target)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_module_is_in_the_tree_of_every_machine(trees, machine):
    target, sizes = trees
    wanted = files_of(build.DEVICE)
    made = files_of(target / machine)
    assert {name.replace(".mpy", ".py") for name in made} == wanted
    assert {name for name in made if name.endswith(".py")} == {"boot.py", "main.py"}
    assert sizes[build.TOTAL, machine] == sum(path.stat().st_size for path in (target / machine).rglob("*.mpy"))


def test_only_machine_code_differs_between_machines(tmp_path, small):
    sizes = build.build(tmp_path / "out", source=small)
    assert {machine for module, machine in sizes if module == "kit/fast.mpy"} == set(MACHINES)
    assert {machine for module, machine in sizes if module == "kit/slow.mpy"} == {build.ANY}
    fast, slow = (
        {(tmp_path / "out" / m / f"kit/{name}.mpy").read_bytes() for m in MACHINES} for name in ("fast", "slow")
    )
    assert len(fast) == 3 and len(slow) == 1


def test_machine_code_runs_on_its_machine_and_is_refused_by_another(tmp_path, small):
    build.build(tmp_path, source=small)
    code = "from kit import fast, slow; print(fast.twice(21), slow.NUMBER)"
    assert run(tmp_path / "x86", code).stdout == "42 41\n"
    assert "incompatible .mpy" in run(tmp_path / "xtensawin", code).stderr


def test_every_module_of_the_real_firmware_is_imported_from_its_tree(trees):
    target, _ = trees
    modules = sorted(path.relative_to(target / "x86") for path in (target / "x86").rglob("*.mpy"))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in modules]
    # What only a board has is stood in for by the simulated world, or missing; the module itself was read by then.
    code = "".join(f"try:\n    import {name}\nexcept ImportError as e:\n    print(e)\n" for name in names)
    done = run(f"{target / 'x86'}:{board.compiled()}", code, heap="1m")
    assert not done.stderr and "kit" not in done.stdout, done


def test_a_file_that_is_no_program_goes_along_as_it_is(small):
    assert build.tree("x86", small)["kit/page.html"] == b"<p>"


def test_building_twice_gives_the_same_bytes():
    assert build.tree("rv32imc") == build.tree("rv32imc")


def test_every_chip_has_a_machine_that_is_built_for():
    assert {chip.machine for chip in CHIPS.values()} < set(MACHINES)


def test_a_module_that_does_not_compile_is_named(tmp_path, small):
    (small / "kit" / "slow.py").write_text("def (:\n")
    with pytest.raises(ToolError, match=r"kit/slow.py does not compile for xtensawin: SyntaxError"):
        build.build(tmp_path / "out", source=small)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, small):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ToolError, match=r"cannot be written"):
        build.build(tmp_path / "out", source=small)
    with pytest.raises(ToolError, match=r"There is no firmware in"):
        build.tree("x86", tmp_path / "nothing")


def test_no_module_has_outgrown_the_committed_sizes(trees):
    """If this fails for a good reason: `citimeasure build --sizes-out firmware/sizes.csv`, and commit the table."""
    assert build.outgrown(trees[1], build.read_sizes()) == []


def test_a_module_that_grows_by_more_than_a_tenth_is_seen():
    then = {("a.mpy", "any"): 1000, ("total", "x86"): 1000}
    assert build.outgrown({("a.mpy", "any"): 1100, ("b.mpy", "any"): 500, ("total", "x86"): 1600}, then) == []
    assert build.outgrown({("a.mpy", "any"): 1101}, then) == ["a.mpy (any) grew from 1000 to 1101 bytes"]


def test_a_tree_over_the_most_is_seen_until_the_table_says_so():
    now = {("total", "x86"): build.MOST + 1}
    assert "is the most" in build.outgrown(now, {})[0]
    assert build.outgrown(now, now) == []


@settings(max_examples=20)
@given(st.dictionaries(st.tuples(st.from_regex(r"[a-z/]{1,20}\.mpy", fullmatch=True), st.sampled_from(MACHINES)),
                       st.integers(0, 10**6)))  # fmt: skip
def test_a_table_reads_back_as_written(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("sizes") / "sizes.csv"
    build.write_sizes(sizes, path)
    assert build.read_sizes(path) == sizes


@pytest.mark.parametrize("text", ["", "dear aunt\n", "module,machine,bytes\na,any,large\n", "module,machine\na,any\n"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "sizes.csv"
    path.write_text(text)
    with pytest.raises(ToolError, match="no table of sizes"):
        build.read_sizes(path)
    with pytest.raises(ToolError, match="no table of sizes"):
        build.read_sizes(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "native"),
    [
        (VIPER, True),
        ("@micropython.native\ndef f(): pass\n", True),
        ("# no @micropython.viper\n", False),
        (PLAIN, False),
    ],
)
def test_machine_code_is_told_from_words_about_it(text, native):
    assert build.is_native(text) is native
