# SPDX-License-Identifier: EUPL-1.2
"""What pip installs is whole: the wheel is built, put into an environment of its own, and used from there.

The environment borrows the libraries of the one that runs the tests, so that nothing is fetched; ours come from the
wheel alone. Everything runs in a folder outside the sources.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from firmware import build
from tests import parts
from tests.journeys.collecting import environment


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if importlib.util.find_spec("hatchling") is None:
        parts.missing("hatchling", "pip install -c constraints.txt -e '.[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=parts.ROOT, check=True, capture_output=True)
    return next(folder.glob("citimeasure-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs' folder of an environment with the wheel."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    # As plain paths: the .pth files in there, of which one leads to these sources, are not followed.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    next(home.glob("lib/python*/site-packages")).joinpath("borrowed.pth").write_text("\n".join(libraries))
    return home / "bin"


@pytest.fixture
def run(installed, tmp_path):
    """Runs a program of the environment, in an empty folder."""

    def call(program, *args, **env):
        around = {name: value for name, value in environment(**env).items() if name != "PYTHONPATH" or name in env}
        command = [str(installed / program), *map(str, args)]
        return subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=60)

    return call


def test_the_wheel_holds_the_firmware_and_nothing_strange(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"calibration", "collector", "firmware"}
    device = {f"firmware/device/{name.replace('.mpy', '.py')}" for name in build.tree("xtensawin")}
    assert device | {"firmware/sizes.csv"} <= set(names)
    assert not [name for name in names if {"__pycache__", "tests"} & set(name.split("/"))]


def test_the_packages_are_imported_from_where_they_were_installed(run, installed):
    code = "import calibration, collector, firmware; print(calibration.__file__, collector.__file__, firmware.__file__)"
    done = run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    for path in done.stdout.split():
        assert Path(path).is_relative_to(installed.parent)


def test_the_command_shows_its_help(run):
    done = run("citimeasure", "--help")
    assert done.returncode == 0 and "flash" in done.stdout, done.stderr


def test_the_firmware_is_built_from_an_installed_package(run, tmp_path):
    done = run("citimeasure", "build", "--machine", "rv32imc")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "firmware-build" / "rv32imc"
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
    assert made == build.tree("rv32imc")


def test_the_doctor_sees_another_package_of_our_name(run, tmp_path):
    assert "✓ packages: calibration, collector, firmware are ours" in run("citimeasure", "doctor").stdout
    other = tmp_path / "other"
    about = other / "uncertainty_calibration-0.1.4.dist-info"
    for file, text in (
        (other / "calibration" / "__init__.py", ""),
        (about / "METADATA", "Metadata-Version: 2.1\nName: uncertainty-calibration\nVersion: 0.1.4\n"),
        (about / "top_level.txt", "calibration\n"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    done = run("citimeasure", "doctor", PYTHONPATH=str(other))
    assert done.returncode == 1
    assert "✗ packages: the package calibration belongs to uncertainty-calibration" in done.stdout
