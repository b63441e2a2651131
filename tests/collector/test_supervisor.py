# SPDX-License-Identifier: EUPL-1.2
"""What systemd hears of the collector, and what systemd says of the units: a real socket, the real systemd-analyze."""

import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from collector.supervisor import Supervisor
from tests import parts
from tests.journeys.collecting import CITIMEASURE, environment, wait_until

UNITS = parts.ROOT / "packaging/systemd"
# Of 100: what is left is that it may use the network, which is its task.
EXPOSURE = 20


class Listener(socket.socket):
    """What systemd listens on."""

    path = ""


@pytest.fixture
def listener(tmp_path):
    with Listener(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.path = str(tmp_path / "notify")
        one.bind(one.path)
        one.settimeout(30)
        yield one


def heard(listener):
    return dict(line.split("=", 1) for line in listener.recv(4096).decode().splitlines())


def test_without_systemd_nothing_happens():
    nobody = Supervisor({})
    nobody.ready("x")
    nobody.alive(0)
    nobody.stopping()
    assert nobody.patience == 0
    Supervisor({"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "1000000"}).ready("x")


def test_it_lives_only_while_the_loop_turns(listener):
    now = 1000.0
    one = Supervisor({"NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "60000000"}, clock=lambda: now)
    assert one.patience == 60
    one.alive(last=999)
    assert heard(listener) == {"WATCHDOG": "1"}
    listener.settimeout(0.05)
    one.alive(last=1000)  # once in a quarter of the patience is enough
    now = 1020
    one.alive(last=985)  # the loop has stood still for longer than half of it
    with pytest.raises(TimeoutError):
        listener.recv(100)
    one.alive(last=1019)
    assert heard(listener) == {"WATCHDOG": "1"}


def test_a_watchdog_that_waits_for_another_process_is_not_ours(listener):
    other = {"NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}
    assert Supervisor(other).patience == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_a_collector_says_when_it_takes_readings_that_it_lives_and_when_it_ends(tmp_path, abstract):
    with Listener(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = f"@citimeasure-{tmp_path.name}" if abstract else str(tmp_path / "notify")
        systemd.bind("\0" + path[1:] if abstract else path)
        systemd.settimeout(30)
        command = [
            *CITIMEASURE,
            "run",
            "--folder",
            str(tmp_path / "data"),
            "--listen",
            f"127.0.0.1:{parts.free_port()}",
        ]
        env = environment(NOTIFY_SOCKET=path, WATCHDOG_USEC="2000000")
        with (
            (tmp_path / "log").open("wb") as log,
            subprocess.Popen(command, env=env, stdout=log, stderr=log) as process,
        ):
            try:
                first = heard(systemd)
                assert first["READY"] == "1" and first["STATUS"].startswith("takes readings from 127.0.0.1:")
                assert heard(systemd) == {"WATCHDOG": "1"}
                assert heard(systemd) == {"WATCHDOG": "1"}
                process.send_signal(signal.SIGTERM)
                told = [heard(systemd)]
                while "STOPPING" not in told[-1]:
                    told.append(heard(systemd))
                assert process.wait(30) == 0
            finally:
                process.kill()


def analyze(*words):
    program = shutil.which("systemd-analyze")
    if program is None:
        parts.missing("systemd-analyze", "install the package systemd.")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=60)


@pytest.fixture
def installed(tmp_path):
    """The units with a program that is there in place of the one that an installation puts there."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/citimeasure/bin/citimeasure", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("Documentation=man:citimeasure(1)\n", ""))
    return tmp_path


def test_systemd_accepts_the_units(installed):
    for unit in sorted(installed.iterdir()):
        done = analyze("verify", "--recursive-errors=no", unit)
        # The machine's own units may be in disorder; ours must not be.
        ours = [line for line in done.stderr.splitlines() if "citimeasure" in line]
        assert not ours and done.returncode == 0, done.stderr


def test_a_word_that_systemd_does_not_know_is_noticed(installed):
    unit = installed / "citimeasure.service"
    unit.write_text(unit.read_text().replace("ProtectClock=true", "ProtectClok=true"))
    assert "ProtectClok" in analyze("verify", "--recursive-errors=no", unit).stderr


@pytest.mark.parametrize("unit", ["citimeasure.service", "citimeasure-backup.service", "citimeasure-renew.service"])
def test_the_units_leave_little_open(installed, unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", installed / unit)
    assert done.returncode == 0, done.stdout + done.stderr
    level = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert level and float(level.group(1)) <= EXPOSURE / 10


def test_the_collector_runs_without_memory_that_is_writable_and_executable(tmp_path):
    """As MemoryDenyWriteExecute= makes it; prctl(PR_SET_MDWE), Linux 6.3 and newer."""
    denied = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "sys.exit(77) if libc.prctl(65, 1, 0, 0, 0) else os.execv(sys.executable, sys.argv[1:])\n"
    )
    command = [*CITIMEASURE, "run", "--folder", str(tmp_path / "data"), "--listen", f"127.0.0.1:{parts.free_port()}"]
    log = tmp_path / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-c", denied, *command], env=environment(), stdout=out, stderr=out
        ) as process,
    ):
        try:
            wait_until(lambda: "Collecting" in log.read_text() or process.poll() is not None, what="the start")
            if process.poll() == 77:
                pytest.skip("this kernel is older than 6.3")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
