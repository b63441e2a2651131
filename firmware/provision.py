# SPDX-License-Identifier: EUPL-1.2
"""Sets up a kit over its serial port: id, collector, Wi-Fi. Can be repeated; `citimeasure provision` calls it.

Secrets go over the cable and into the kit's own file, and appear nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware.errors import BoardFault
from firmware.improv import (
    GET_INFO,
    GET_SETTINGS,
    MAX_DATA,
    RESTART,
    SCAN,
    SET_SETTINGS,
    SET_WIFI,
    UNABLE_TO_CONNECT,
    Improv,
    NoAnswer,
    Refused,
    texts,
)
from firmware.serialport import open_port

# Ctrl-C ends what runs, Ctrl-B leaves the raw mode, Ctrl-D starts the firmware anew, which then listens for a minute.
_INTERRUPT, _RESTART = b"\r\x03\x03", b"\r\x02\x04"
_AT_ONCE_S, _AFTER_RESTART_S = 3, 15
_WIFI_S = 40
_AGAIN = "Unplug the kit, plug it in again, and repeat the command: it begins where it has to."


@dataclass(frozen=True)
class Known:
    """What a kit says of itself."""

    firmware: str
    version: str
    chip: str
    device: str
    host: str
    port: int
    network: str


@dataclass(frozen=True)
class Network:
    """A Wi-Fi that the kit hears."""

    name: str
    strength: int  # dBm
    closed: bool


@dataclass(frozen=True)
class Wanted:
    """What a kit shall be told; without a password it keeps the one it has."""

    device: str
    host: str
    port: int
    mqtt_password: str | None = field(default=None, repr=False)
    more: Mapping[str, str | int] = field(default_factory=dict)  # other settings of the kit, by name


class Session:
    """A kit on an open port; use it in a `with`."""

    def __init__(self, name: str, say: Callable[[str], None] = lambda text: None) -> None:
        self.name = name
        self._port = open_port(name)
        self._improv = Improv(self._port)
        try:
            self._greet(say)
        except BaseException:
            self._port.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._port.close()

    def _greet(self, say: Callable[[str], None]) -> None:
        """Until Improv answers; a kit that does not listen any more is started again."""
        try:
            self._improv.state(_AT_ONCE_S)
            return
        except NoAnswer:
            say("The kit does not listen; it is started again.")
        except OSError as error:
            raise self._gone() from error
        try:
            self._port.write(_INTERRUPT)
            time.sleep(0.5)
            self._port.reset_input_buffer()
            self._port.write(_RESTART)
            self._improv.state(_AFTER_RESTART_S)
        except NoAnswer:
            raise self._silent() from None
        except OSError as error:
            raise self._gone() from error

    def _silent(self) -> BoardFault:
        self._port.write(_INTERRUPT + b"\x02")
        time.sleep(0.5)
        if b">>> " in self._port.read(self._port.in_waiting or 1):
            return BoardFault(
                f"There is MicroPython on {self.name}, but no firmware of ours that can be set up.",
                "Put the firmware on the board first.",
            )
        return BoardFault(
            f"No kit answers on {self.name}.",
            "Is it the right port, and the firmware on the board? Press the board's reset button and repeat.",
        )

    def _gone(self) -> BoardFault:
        return BoardFault(f"The kit on {self.name} has gone.", "Check the cable. " + _AGAIN)

    def _ask(self, number: int, data: bytes = b"", seconds: float = 10) -> list[list[str]]:
        try:
            return self._improv.ask(number, data, seconds)
        except NoAnswer:
            raise BoardFault(f"The kit on {self.name} does not answer any more.", _AGAIN) from None
        except OSError as error:
            raise self._gone() from error

    def known(self) -> Known:
        """What the kit says of itself."""
        try:
            [info], [settings] = self._ask(GET_INFO), self._ask(GET_SETTINGS)
            return Known(info[0], info[1], info[2], settings[0], settings[1], int(settings[2]), settings[3])
        except (Refused, ValueError, IndexError):
            raise BoardFault(
                f"What answers on {self.name} speaks Improv, but is no kit of ours.", "Put the firmware on it first."
            ) from None

    def networks(self) -> list[Network]:
        """The networks that the kit hears now, the strongest first."""
        try:
            heard = self._ask(SCAN, seconds=20)
        except Refused:
            return []  # the radio is busy; a network can still be named
        return [Network(one[0], int(one[1]), one[2] == "YES") for one in heard if len(one) == 3]

    def tell(self, wanted: Wanted) -> None:
        """Gives the kit its id and its collector."""
        settings: dict[str, Any] = {**wanted.more, "device": wanted.device, "host": wanted.host, "port": wanted.port}
        if wanted.mqtt_password is not None:
            settings["mqtt_password"] = wanted.mqtt_password
        data = json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) > MAX_DATA:
            raise BoardFault(
                "The collector's name and the password together are too long for the kit.",
                f"They may have {MAX_DATA - 80} bytes.",
            )
        try:
            [refusal] = self._ask(SET_SETTINGS, data)
        except Refused as error:
            raise BoardFault(f"The kit could not keep its settings: {error}.", _AGAIN) from None
        if refusal:
            raise BoardFault(
                f"The kit refuses a setting: {refusal[0]}.", "Its firmware may be older than this program."
            )
        known = self.known()
        if (known.device, known.host[:60], known.port) != (wanted.device, wanted.host[:60], wanted.port):
            raise BoardFault("The kit did not keep its settings.", _AGAIN)

    def join(self, network: str, password: str) -> None:
        """Lets the kit try a Wi-Fi, and keep it if it works."""
        if len(texts(network, password)) > MAX_DATA or len(network.encode()) > 32:
            raise BoardFault("No Wi-Fi has so long a name or password.", "A name has at most 32 bytes, a password 63.")
        try:
            self._ask(SET_WIFI, texts(network, password), _WIFI_S)
        except Refused as error:
            if error.code != UNABLE_TO_CONNECT:
                raise BoardFault(f"The kit could not keep the Wi-Fi: {error}.", _AGAIN) from None
            raise self._why_not(network, bool(password)) from None

    def _why_not(self, network: str, with_password: bool) -> BoardFault:
        heard = {one.name: one for one in self.networks()}
        one = heard.get(network)
        if one is None:
            names = ", ".join(heard) or "none at all"
            return BoardFault(
                f"The kit hears no Wi-Fi called {network!r}. It hears: {names}.",
                "Mind capitals, and that the kit needs 2.4 GHz: a network of 5 GHz is silent to it.",
            )
        if one.closed:
            wrong = "does not take that password" if with_password else "asks for a password"
            return BoardFault(f"The Wi-Fi {network!r} {wrong}.", "Type it again; capitals count.")
        return BoardFault(f"The Wi-Fi {network!r} ({one.strength} dBm) did not let the kit in.", "Bring it nearer.")

    def restart(self) -> None:
        """The kit begins anew, with what it was told."""
        try:
            self._ask(RESTART)
        except Refused as error:
            raise BoardFault(f"The kit does not restart: {error}.", "Unplug it and plug it in again.") from None


def label(device: str) -> str:
    """What belongs on the kit: its id, and the text of a QR code."""
    inner = (f"Kit   {device}", f"QR    citimeasure:{device}")
    width = max(map(len, inner))
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join([edge, *(f"| {line:<{width}} |" for line in inner), edge])
