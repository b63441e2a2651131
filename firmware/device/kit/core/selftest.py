# SPDX-License-Identifier: EUPL-1.2
"""A look at everything that only the board itself can tell. Run over the serial port, while the application rests.

Each finding is printed as a line of JSON, [part, verdict, text]: verdict 1 fine, 0 wrong, -1 neither. No secret, no
name of a network and no address of the chip is among them: people paste this where others read it.
"""

import asyncio
import gc
import json
import os
import socket
import sys
import time

import machine

from kit import board
from kit.core import config

_CAUSES = ("", "power", "reset", "watchdog", "deep sleep", "soft reset")
_START_MS = const(3000)  # a sensor's first values are shown even if they do not hold yet
_TRIES = const(3)
_LISTEN_S = const(4)
_JOIN_S = const(20)
_ANSWER_S = const(10)
_FLASH_BYTES = const(4096)


def tell(part, verdict, text):
    """One finding."""
    print(json.dumps([part, verdict, text]))


def board_itself():
    """Runtime, why it last started, memory."""
    runtime = sys.implementation
    tell("runtime", 1, "MicroPython %s, %s" % (".".join([str(n) for n in runtime[1][:3]]), runtime[2]))
    cause = machine.reset_cause()
    tell("last start", cause != 3, _CAUSES[cause] if 0 < cause < len(_CAUSES) else "cause %d" % cause)
    gc.collect()
    tell("heap", gc.mem_free() > 16000, "%d bytes free, %d in use" % (gc.mem_free(), gc.mem_alloc()))


def flash():
    """Room, and whether what is written can be read."""
    size = os.statvfs("/")
    room = "%d of %d kB free" % (size[0] * size[3] // 1024, size[1] * size[2] // 1024)
    data = os.urandom(256) * (_FLASH_BYTES // 256)
    began = time.ticks_ms()
    try:
        with open("/selftest", "wb") as file:
            file.write(data)
        took = time.ticks_diff(time.ticks_ms(), began)
        with open("/selftest", "rb") as file:
            same = file.read() == data
        os.remove("/selftest")
        tell("flash", same, "%s, %s4 kB written in %d ms" % (room, "" if same else "NOT READ BACK, ", took))
    except OSError as error:
        tell("flash", 0, "%s, cannot be written: %s" % (room, error))


def settings():
    """What the kit was told; of secrets only whether they are there."""
    try:
        found = config.load("/cfg")
    except config.ConfigError as error:
        tell("settings", 0, str(error))
        return config.defaults()
    missing = [name for name in ("device", "host", "network") if not found[name]]
    secrets = ["%s %s" % (name, "set" if found[name] else "not set") for name in config.SECRETS]
    text = "%s to %s:%d, %s" % (found["device"] or "?", found["host"] or "?", found["port"], ", ".join(secrets))
    tell("settings", not missing, text + ("; missing: " + ", ".join(missing) if missing else ""))
    return found


async def sensors():
    """Who answers on the bus and on the serial line, and what they measure."""
    from kit.sensors import find
    from kit.sensors.bus import open_bus
    from kit.sensors.serial import open_serial

    try:
        bus = open_bus(board.I2C_SDA, board.I2C_SCL)
        there = bus.scan()
        shares, found = await find(bus, open_serial(board.UART_TX, board.UART_RX))
    except OSError as error:
        tell("bus", 0, "does not work: %s. Look for a short circuit, or a missing pull-up." % error)
        return
    addresses = " ".join(["0x%02x" % address for address in there]) or "nobody answers; check the wires"
    tell("bus", bool(there), addresses)
    for line in found:
        if line.startswith("unknown "):
            tell("unknown", 0, line.split()[-1] + " answers as no sensor that this firmware knows")
    for driver, _ in shares:
        tell(driver.NAME, *await _measure(driver))


async def _measure(driver):
    """(verdict, text) of one sensor."""
    starting = asyncio.create_task(driver.start())
    began = time.ticks_ms()
    while not starting.done() and time.ticks_diff(time.ticks_ms(), began) < _START_MS:
        await asyncio.sleep_ms(50)
    warming = not starting.done()
    starting.cancel()
    error = None
    for _ in range(_TRIES):
        try:
            values = await driver.measure()
            text = ", ".join(["%s %.1f" % (name, values[name]) for name in sorted(values)])
            return 1, text + (" (still warming up)" if warming else "")
        except Exception as raised:  # noqa: BLE001 - a driver's every failure is what is looked for
            error = raised
        await asyncio.sleep(1)
    return 0, "%s: %s" % (type(error).__name__, error)


async def microphone(found):
    """What the sound level meter hears in some seconds."""
    try:
        from kit import noise
    except ImportError:
        tell("microphone", -1, "this firmware has no sound level meter")
        return
    meter = noise.find(found)
    if meter is None:
        tell("microphone", -1, "none in the settings")
        return
    listening = asyncio.create_task(meter.run())
    await asyncio.sleep(_LISTEN_S)
    values, health = meter.close(), meter.health()
    listening.cancel()
    text = "LAeq %.1f dB" % (values["laeq"] / 100) if values else "fault: %s" % health["fault"]
    tell("microphone", bool(values), "%s, %d %% heard" % (text, health["coverage"]))


async def reach(found):
    """Wi-Fi, and the collector's port."""
    import network

    if not found["network"]:
        tell("wifi", 0, "no network in the settings")
        return
    radio = network.WLAN(network.STA_IF)
    radio.active(True)
    if not radio.isconnected():
        try:
            radio.connect(found["network"], found["wifi_password"] or None)
        except OSError:
            pass  # it is trying already
    for _ in range(_JOIN_S * 5):
        if radio.isconnected():
            break
        await asyncio.sleep_ms(200)
    if not radio.isconnected():
        tell("wifi", 0, "not connected after %d s, code %d" % (_JOIN_S, radio.status()))
        return
    tell("wifi", 1, "connected, %s dBm" % radio.status("rssi"))
    if found["host"]:
        _collector(found["host"], found["port"])


def _collector(host, port):
    # A plain socket: asyncio's open_connection does not say whether somebody answered.
    began = time.ticks_ms()
    line = socket.socket()
    try:
        line.settimeout(_ANSWER_S)
        line.connect(socket.getaddrinfo(host, port)[0][-1])
        took = time.ticks_diff(time.ticks_ms(), began)
        tell("collector", 1, "%s:%d answers after %d ms" % (host, port, took))
    except OSError as error:
        tell("collector", 0, "%s:%d does not answer: %s" % (host, port, error))
    finally:
        line.close()


async def _all():
    board_itself()
    flash()
    found = settings()
    await sensors()
    await microphone(found)
    await reach(found)


def main():
    """Looks at everything, half a minute at most."""
    asyncio.new_event_loop()  # what the interrupted application had begun is not taken up
    asyncio.run(_all())
