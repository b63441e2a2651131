# SPDX-License-Identifier: EUPL-1.2
"""Improv over serial: a computer or a browser on the USB cable gives the kit its Wi-Fi, and our own tool all settings.

Source: "Improv via Serial", improv-wifi.com/serial. A frame is `IMPROV`, 1, type, length, data, sum of all bytes modulo
256; ours stand on lines of their own. Commands 1 to 6 are the standard's; 0xC0 to 0xC2 are this kit's. Whoever holds
the cable may set everything, and read everything but the secrets.

The type of a command, 3, is Ctrl-C, which would interrupt the program. So while this listens, Ctrl-C is a byte, and
one outside a frame is the interrupt.
"""

import asyncio
import json
import os
import select
import sys
import time

import machine
import micropython

from kit.core import config
from kit.data.message import FIRMWARE

_HEAD = const(b"IMPROV\x01")
STATE, ERROR, RPC, RESULT = 1, 2, 3, 4
READY, PROVISIONING, PROVISIONED = 2, 3, 4
OK, BAD_FRAME, UNKNOWN_COMMAND, UNABLE_TO_CONNECT, BAD_HOSTNAME, FAILED = 0, 1, 2, 3, 5, 255
SET_WIFI, GET_STATE, GET_INFO, SCAN, HOSTNAME, NAME = 1, 2, 3, 4, 5, 6
GET_SETTINGS, SET_SETTINGS, RESTART = 0xC0, 0xC1, 0xC2

_GAP_MS = const(1000)  # a frame that pauses longer has lost its rest
_LOOK_MS = const(10)  # the port keeps 260 bytes, at 115200 Bd 22 ms
_CTRL_C = const(3)
_TRY_S = const(20)
# No such network, wrong password (network.STAT_...); others pass by themselves.
_HOPELESS = (201, 202)
_HOPELESS_MS = const(2000)
_MOST = const(20)  # networks of a scan
# Wi-Fi is set by its own command, which tries it first.
_FIXED = ("version", "network", "wifi_password")


class Frames:
    """Finds frames in a stream of bytes."""

    def __init__(self):
        self._buffer = bytearray(10 + 255)
        self._n = 0
        self._last = 0

    def feed(self, byte, now):
        """None for a byte outside of frames, () within one, (type, data) at its end; type 0 if it is damaged."""
        if time.ticks_diff(now, self._last) > _GAP_MS:
            self._n = 0
        self._last = now
        buffer, n = self._buffer, self._n
        if n < 7 and byte != _HEAD[n]:
            n = 0
            if byte != _HEAD[0]:
                self._n = 0
                return None
        buffer[n] = byte
        self._n = n = n + 1
        if n < 9 or n < 10 + buffer[8]:
            return ()
        self._n = 0
        if sum(memoryview(buffer)[: n - 1]) & 0xFF != byte:
            return 0, b""
        return buffer[7], bytes(memoryview(buffer)[9 : n - 1])


def frame(kind, data):
    """A frame on a line of its own."""
    body = _HEAD + bytes((kind, len(data))) + data
    return b"\n" + body + bytes((sum(body) & 0xFF, 10))


def result(command, texts=()):
    """The answer to a command; each text is cut at 60 bytes so that all fit."""
    data = b""
    for text in texts:
        text = text.encode()[:60]
        data += bytes((len(text),)) + text
    return frame(RESULT, bytes((command, len(data))) + data)


def split(data):
    """Texts with a byte of length before each; ValueError if they do not fill the data exactly."""
    texts, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise ValueError("cut off")
        texts.append(str(data[at + 1 : end], "utf-8"))
        at = end
    return texts


class Improv:
    """Does what frames ask. `radio` is as network.WLAN, `write` takes bytes for the port. A new Wi-Fi holds at once, in
    the kit's `settings`; all else is saved into `folder`, and holds from the next start.
    """

    def __init__(self, settings, folder, radio, write):
        self._running, self._folder, self._radio, self._write = settings, folder, radio, write
        self._settings = dict(settings)

    async def take(self, kind, data):
        """One frame. Whatever is in it, an answer goes out and nothing is raised."""
        if kind == RPC or kind == 0:
            error = BAD_FRAME
            if len(data) >= 2 and data[1] == len(data) - 2:
                try:
                    error = await self._obey(data[0], data[2:])
                except (ValueError, UnicodeError):
                    pass
                except OSError:  # the flash is full, or the radio does not do what it should
                    error = FAILED
            if error:
                self._write(frame(ERROR, bytes((error,))))

    async def _obey(self, command, data):
        """Returns an error's number, 0 if it has answered."""
        settings = self._settings
        if command == GET_STATE:
            self._say_state()
            if settings["network"]:
                self._write(result(command))
        elif command == GET_INFO:
            chip = sys.implementation[2].split(" ")[-1]
            self._write(result(command, ("citimeasure", FIRMWARE, chip, settings["device"] or "citimeasure kit")))
        elif command == SCAN:
            for name, strength, closed in scan(self._radio):
                self._write(result(command, (name, str(strength), "YES" if closed else "NO")))
            self._write(result(command))
        elif command == SET_WIFI:
            return await self._set_wifi(split(data))
        elif command in (HOSTNAME, NAME):
            if data:  # they follow from the id, which the registry gives
                return BAD_HOSTNAME
            self._write(result(command, (settings["device"] or "citimeasure kit",)))
        elif command == GET_SETTINGS:
            known = (settings["device"], settings["host"], str(settings["port"]), settings["network"])
            self._write(result(command, known))
        elif command == SET_SETTINGS:
            self._write(result(command, self._set(json.loads(data))))
        elif command == RESTART:
            self._write(result(command))
            await asyncio.sleep_ms(300)  # until that is out
            machine.reset()
        else:
            return UNKNOWN_COMMAND
        return OK

    def _say_state(self):
        self._write(frame(STATE, bytes((PROVISIONED if self._settings["network"] else READY,))))

    async def _set_wifi(self, words):
        if len(words) != 2 or not words[0]:
            return BAD_FRAME
        name, password = words
        self._write(frame(ERROR, bytes((OK,))))
        self._write(frame(STATE, bytes((PROVISIONING,))))
        self._running["network"] = ""  # else the kit would go on trying the one it has
        joined = await join(self._radio, name, password)
        self._running["network"] = self._settings["network"]
        try:
            if joined:
                new = {"network": name, "wifi_password": password}
                self._save(new)
                self._running.update(new)
        finally:
            self._say_state()
        if not joined:
            return UNABLE_TO_CONNECT
        self._write(result(SET_WIFI))
        return OK

    def _set(self, new):
        """Takes settings as {name: value}; () if they hold, else one text that says what is wrong."""
        if not isinstance(new, dict):
            raise ValueError
        for name in new:
            if name in _FIXED or name not in self._settings:
                return ("%s cannot be set" % name,)
        try:
            self._save(new)
        except config.ConfigError as error:
            return (str(error),)
        return ()

    def _save(self, new):
        merged = dict(self._settings)
        merged.update(new)
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there
        config.save(self._folder, merged)
        self._settings = merged


async def join(radio, name, password):
    """Tries a network for 20 s; whether it works."""
    hopeless = 0
    try:
        radio.active(True)
        radio.disconnect()
        await asyncio.sleep_ms(500)
        radio.connect(name, password or None)
        for _ in range(_TRY_S * 5):
            await asyncio.sleep_ms(200)
            if radio.isconnected():
                return True
            hopeless = hopeless + 200 if radio.status() in _HOPELESS else 0
            if hopeless >= _HOPELESS_MS:
                break
        radio.disconnect()
    except OSError:
        pass
    return False


def scan(radio):
    """(name, dBm, whether it asks for a password) of each network, the strongest first. Blocks for some seconds."""
    radio.active(True)
    if not radio.isconnected():
        radio.disconnect()  # a radio that tries to join does not scan
    found = {}
    for name, _, _, strength, security, _ in radio.scan():
        try:
            name = str(name, "utf-8")
        except UnicodeError:
            continue
        if name and (name not in found or found[name][0] < strength):
            found[name] = (strength, security != 0)
    networks = [(name, strength, closed) for name, (strength, closed) in found.items()]
    return sorted(networks, key=lambda network: -network[1])[:_MOST]


async def serve(settings, folder):
    """Serves the port for the first minute, and for as long as the running kit's settings name no network."""
    import network

    improv = Improv(settings, folder, network.WLAN(network.STA_IF), sys.stdout.buffer.write)
    await listen(improv, lambda: not settings["network"])


async def listen(improv, needed, seconds=60):
    """Serves the port for some seconds from now, and longer while `needed()`. Raises KeyboardInterrupt at Ctrl-C."""
    frames, stream, poll = Frames(), sys.stdin.buffer, select.poll()
    poll.register(stream, select.POLLIN)
    began = time.ticks_ms()
    micropython.kbd_intr(-1)
    try:
        while needed() or time.ticks_diff(time.ticks_ms(), began) < seconds * 1000:
            if not poll.poll(0):
                await asyncio.sleep_ms(_LOOK_MS)
                continue
            byte = stream.read(1)
            if not byte:
                return
            found = frames.feed(byte[0], time.ticks_ms())
            if found:
                await improv.take(*found)
            elif found is None and byte[0] == _CTRL_C:
                raise KeyboardInterrupt
    finally:
        micropython.kbd_intr(_CTRL_C)
