# SPDX-License-Identifier: EUPL-1.2
"""Setting up a kit: Improv on the computer's side, and `citimeasure provision` on a twin."""

import json
import os
import pty
import threading
import time

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from firmware import improv, provision, serialport
from firmware.errors import BoardFault
from tests.firmware.twins import RunningTwin
from tests.journeys.collecting import citimeasure, wait_until

frames = st.tuples(st.integers(1, 255), st.binary(max_size=255))
noise = st.binary(max_size=30).map(lambda data: data.replace(b"I", b"i"))


@given(st.lists(st.tuples(noise, frames), max_size=6), st.lists(st.integers(1, 40)))
def test_every_whole_frame_is_found_however_the_bytes_come(stream, pieces):
    raw = b"".join(before + improv.frame(*one) for before, one in stream)
    parser, found = improv.Frames(), []
    for size in [*pieces, len(raw)]:
        found += parser.feed(raw[:size])
        raw = raw[size:]
    assert found == [one for _, one in stream]


@given(frames, st.integers(0, 10**6), st.integers(1, 255), frames)
def test_a_damaged_frame_is_dropped_and_the_next_one_found(one, at, change, other):
    raw = bytearray(improv.frame(*one))
    raw[at % len(raw)] ^= change
    # Behind a damaged length the next frames are eaten until that many bytes have come.
    found = improv.Frames().feed(bytes(raw) + b"\n" * 300 + improv.frame(*other))
    assert other in found and found.count(one) == (one == other)


@given(st.binary(max_size=300))
def test_any_words_can_be_split(data):
    improv.split(data)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_words_come_back(words):
    assert improv.split(improv.texts(*words)) == words


@pytest.fixture
def twin(tmp_path):
    """A twin that nobody has set up."""
    with RunningTwin(tmp_path / "flash") as running:
        yield running


def set_up(twin, *args, ok=True, **env):
    folder = twin.flash.parent / "city"
    words = ("provision", "--folder", folder, "--port", twin.port, "--collector", "192.168.1.20:1884", *args)
    return citimeasure(*words, ok=ok, **env)


def test_a_new_kit_gets_an_id_a_collector_and_the_wifi(twin):
    secrets = {"CITIMEASURE_WIFI_PASSWORD": "twin-password", "CITIMEASURE_MQTT_PASSWORD": "hush-1"}
    done = set_up(twin, "--network", "twin-home", **secrets)
    config = json.loads((twin.flash / "cfg" / "config.json").read_text())
    device = config["device"]
    assert f"| Kit   {device} " in done.stdout and f"citimeasure:{device}" in done.stdout
    assert (config["host"], config["port"], config["network"]) == ("192.168.1.20", 1884, "twin-home")
    kept = json.loads((twin.flash / "cfg" / "secret.json").read_text())
    assert (kept["wifi_password"], kept["mqtt_password"]) == ("twin-password", "hush-1")
    for secret in secrets.values():
        assert secret not in done.stdout + done.stderr + twin.log
    listed = json.loads(citimeasure("device", "list", "--folder", twin.flash.parent / "city", "-o", "json").stdout)
    assert [one["device"] for one in listed] == [device]
    # Again: the same kit, one setting changed, nothing else asked or forgotten. It was restarted in between.
    again = set_up(twin, "--set", "interval=10")
    assert again.stdout == done.stdout
    after = json.loads((twin.flash / "cfg" / "config.json").read_text())
    assert after == {**config, "interval": 10}
    assert "hush-1" in (twin.flash / "cfg" / "secret.json").read_text()
    wait_until(lambda: twin.log.count("start: reset") == 2, what="the second restart")
    twin.interrupt()
    assert twin.mpremote("eval", "1") == "1\n"


def test_a_kit_that_listens_no_more_is_started_again(twin, monkeypatch):
    monkeypatch.setattr(provision, "_AT_ONCE_S", 0.5)
    twin.interrupt()
    said = []
    with provision.Session(twin.port, said.append) as session:
        assert session.known().firmware == "citimeasure"
    assert "it is started again" in said[0]


def test_wifi_trouble_is_told_in_plain_words(twin, tmp_path):
    wrong = set_up(twin, "--network", "twin-home", ok=False, CITIMEASURE_WIFI_PASSWORD="guess")
    assert wrong.returncode == 5 and "does not take that password" in wrong.stderr and "guess" not in wrong.stderr
    none = set_up(twin, "--network", "twin-home", ok=False)
    assert none.returncode == 5 and "asks for a password" in none.stderr
    (tmp_path / "password").write_text("anything\n")
    unknown = set_up(twin, "--network", "Twin-Home", "--wifi-password-file", tmp_path / "password", ok=False)
    assert unknown.returncode == 5 and "no Wi-Fi called 'Twin-Home'" in unknown.stderr
    assert "twin-home" in unknown.stderr and "2.4 GHz" in unknown.stderr
    assert json.loads((twin.flash / "cfg" / "config.json").read_text())["network"] == ""


def test_ports_in_use_or_away_are_told_in_plain_words(twin, monkeypatch):
    with serial.Serial(twin.port, exclusive=True):
        busy = set_up(twin, ok=False)
        assert busy.returncode == 5 and "in use by another program" in busy.stderr
    away = citimeasure("provision", "--port", "/dev/ttyUSB99", "--collector", "192.168.1.20", ok=False)
    assert away.returncode == 5 and "There is no serial port /dev/ttyUSB99" in away.stderr

    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BoardFault, match="You may not use") as caught:
        serialport.open_port(twin.port)
    assert "sudo usermod" in caught.value.hint


@pytest.fixture
def soon(monkeypatch):
    """No long waits for those who will never answer."""
    monkeypatch.setattr(provision, "_AT_ONCE_S", 0.5)
    monkeypatch.setattr(provision, "_AFTER_RESTART_S", 1)


def test_a_port_without_a_kit_says_so(soon):
    master, slave = pty.openpty()
    try:
        with pytest.raises(BoardFault, match="No kit answers"):
            provision.Session(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_micropython_without_our_firmware_says_so(soon, tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "main.py").write_text("")
    with RunningTwin(flash, "--keep") as twin, pytest.raises(BoardFault, match="no firmware of ours"):
        provision.Session(twin.port)


def test_another_improv_device_is_not_taken_for_a_kit():
    """A bulb, say, that knows the standard's commands only."""
    master, slave = pty.openpty()
    ended = threading.Event()

    def bulb():
        parser = improv.Frames()
        while not ended.is_set():
            for _, data in parser.feed(os.read(master, 256)):
                answer = {2: improv.frame(1, b"\x02"), 3: improv.frame(4, b"\x03\x05\x04bulb")}
                os.write(master, answer.get(data[0], improv.frame(2, b"\x02")))

    threading.Thread(target=bulb, daemon=True).start()
    try:
        with provision.Session(os.ttyname(slave)) as session, pytest.raises(BoardFault, match="no kit of ours"):
            session.known()
    finally:
        ended.set()
        os.write(slave, b"\n")  # the bulb looks up once more
        time.sleep(0.05)
        os.close(slave)
        os.close(master)


def test_addresses_that_no_kit_can_reach_are_refused(tmp_path):
    for words, args in (
        ("no kit can reach it there", ()),
        ("cannot use mqtts://broker.example.org", ("--broker", "mqtts://broker.example.org")),
        ("cannot use 192.168.1.20:x", ("--collector", "192.168.1.20:x")),
    ):
        done = citimeasure("provision", "--folder", tmp_path, "--port", "/dev/null", *args, ok=False)
        assert done.returncode == 3 and words in done.stderr, done.stderr
