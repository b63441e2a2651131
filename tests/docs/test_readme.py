# SPDX-License-Identifier: EUPL-1.2
"""Every command of the README is run: make targets by what they would do, the others for real."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tests import parts
from tests.journeys.collecting import environment, wait_until

ROOT = parts.ROOT
BIN = Path(sys.executable).parent
COMMANDS = re.findall(r"^\$ (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)


def expanded(target):
    """What make would do, without doing it."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_has_two_commands_first():
    assert COMMANDS[:2] == ["make demo", "make test"]


def test_make_runs_the_demo_and_the_tests():
    # The demo itself runs in tests/journeys, and the tests are what you are in.
    assert "citimeasure demo" in expanded("demo")
    assert "-m pytest" in expanded("test")


def test_the_other_commands_do_what_they_say(tmp_path):
    others = [shlex.split(command.replace(".venv/bin/", f"{BIN}/")) for command in COMMANDS[2:]]
    assert [command[1] for command in others] == ["run", "device", "doctor"]
    run, add, doctor = others
    run += ["--listen", f"127.0.0.1:{parts.free_port()}"]
    with subprocess.Popen(run, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment()) as collector:
        wait_until((tmp_path / "my-city" / "spool.sqlite").exists, what="the collector's start")
        kit = subprocess.run(add, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment()).stdout
        assert re.fullmatch(r"kit-[a-z0-9]{8}\n", kit)
        told = subprocess.run(doctor, cwd=tmp_path, capture_output=True, text=True, env=environment())
        assert told.returncode == 0 and "1 devices" in told.stdout
        assert any("Collecting" in line for line in iter(collector.stderr.readline, ""))
        collector.send_signal(signal.SIGTERM)
        collector.communicate(timeout=30)
    assert collector.returncode == 0
