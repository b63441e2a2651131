# SPDX-License-Identifier: EUPL-1.2
"""Set-up with a phone: the kit opens a Wi-Fi of its own, with a password, and a page that asks what it must know.

Every name that the phone looks up leads to the kit, so the phone opens the page by itself. Settings are taken only from
the kit's own network and only under the kit's own address, so that no web page elsewhere can send them. Measuring goes
on meanwhile.
"""

import asyncio
import json
import socket

import machine

from kit.core import config
from kit.net.http import answer
from kit.net.page import PAGE, measures

ADDRESS = "192.168.4.1"
MINUTES = 10
# What a phone may set. Everything else stays as it is.
_ASKED = ("network", "wifi_password", "host", "port", "tls", "device", "mqtt_password", "grid", "led")


def access_point(settings):
    """(name, password) of the kit's own network."""
    return "citimeasure-" + (settings["device"][-6:] or "setup"), settings["setup_password"]


def dns_answer(question, address):
    """The answer to a DNS question: every name is at `address`; None if it is no plain question. RFC 1035."""
    if len(question) < 17 or question[2] & 0xF8 or question[4:6] != b"\x00\x01":
        return None
    end = 12
    while end < len(question) and question[end]:
        if question[end] > 63:
            return None
        end += question[end] + 1
    end += 5
    if end > len(question):
        return None
    head = question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
    numbers = bytes([int(number) for number in address.split(".")])
    # A pointer to the name in the question, type A, class IN, 0 s, 4 bytes.
    return head + question[12:end] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + numbers


def take(settings, body):
    """New settings from what a phone sent. ConfigError: a word that the page has a sentence for, or what is wrong."""
    try:
        sent = json.loads(body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        raise config.ConfigError("form")
    made = dict(settings)
    for name in _ASKED:
        if name in sent and not (name in config.SECRETS and sent[name] == ""):  # an empty password stays as it was
            made[name] = sent[name]
    config.check(made)
    if not config.ready(made):
        raise config.ConfigError("needed")
    if not 8 <= len(made["wifi_password"]) <= 63 and made["wifi_password"]:
        raise config.ConfigError("wifi_password_length")
    return made


class Portal:
    """Opens for some minutes, or until the kit is set up. `saved` is called then."""

    def __init__(self, app, folder, saved, radio=None, near=lambda peer: peer.startswith("192.168.4.")):
        self._app, self._folder, self._saved = app, folder, saved
        self._radio, self._near = radio, near
        self.open = False

    async def run(self, minutes=MINUTES):
        """Opens, serves and closes; for ever if `minutes` is None."""
        radio = self._radio
        if radio is None:
            import network

            radio = network.WLAN(network.AP_IF)
        name, password = access_point(self._app.settings)
        radio.active(True)
        radio.config(essid=name, password=password, authmode=3)  # 3 is WPA2
        print("set-up: join the network %s, password %s, and open http://%s" % (name, password, ADDRESS))
        names = asyncio.create_task(_answer_names())
        self.open = True
        try:
            while minutes is None or minutes > 0:
                self._app.watchdog.alive("portal", 180)
                await asyncio.sleep(60)
                minutes = minutes and minutes - 1
        finally:
            self.open = False
            names.cancel()
            radio.active(False)

    async def handle(self, request, writer, peer):
        """Answers one request."""
        inside = request.headers.get("host", "").split(":")[0] == ADDRESS and self._near(peer)
        if request.path == "/setup" and request.method == "POST":
            await self._take(request, writer, inside)
        elif not inside or request.method != "GET":
            # A phone that asks for some page of its maker's, to see whether this is the internet.
            await answer(writer, 302, location="http://%s/" % ADDRESS)
        elif request.path == "/":
            await answer(writer, 200, PAGE, "text/html; charset=utf-8")
        elif request.path == "/measures":
            await answer(writer, 200, measures(self._app))
        elif request.path == "/setup":
            await answer(writer, 200, json.dumps(self._asked()).encode())
        else:
            await answer(writer, 302, location="http://%s/" % ADDRESS)

    def _asked(self):
        settings = self._app.settings
        known = {name: settings[name] for name in _ASKED if name not in config.SECRETS}
        networks = []
        if self._app.wifi:
            try:
                found = self._app.wifi.station.scan()
            except OSError:
                found = []  # it is just connecting
            for ssid, _, _, strength, security, _ in sorted(found, key=lambda one: -one[3]):
                try:
                    name = ssid.decode()
                except UnicodeError:
                    continue
                if name and name not in [one[0] for one in networks]:
                    networks.append([name, strength, security > 0])
        return {"settings": known, "networks": networks[:15]}

    async def _take(self, request, writer, inside):
        if not inside:
            await answer(writer, 403, b"only on the kit's own network", "text/plain")
            return
        try:
            made = take(self._app.settings, request.body)
            config.save(self._folder, made)
        except (config.ConfigError, OSError) as error:
            words = "flash_full" if isinstance(error, OSError) else str(error)
            await answer(writer, 400, words.encode(), "text/plain")
            return
        await answer(writer, 200, b"{}")
        self._saved()


async def _answer_names():
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(socket.getaddrinfo("0.0.0.0", 53)[0][-1])
    line.setblocking(False)
    try:
        while True:
            await asyncio.sleep_ms(50)
            try:
                question, who = line.recvfrom(512)
            except OSError:
                continue  # nobody asks
            reply = dns_answer(question, ADDRESS)
            if reply:
                line.sendto(reply, who)
    finally:
        line.close()


def open_portal(app, folder):
    """The portal of a kit, which its page asks from now on; `folder` is for the settings."""
    app.portal = Portal(app, folder, lambda: asyncio.create_task(_restart_soon()))
    return app.portal


async def _restart_soon():
    await asyncio.sleep(2)  # the phone should still get its answer
    machine.reset()
