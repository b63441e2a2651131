# SPDX-License-Identifier: EUPL-1.2
"""The time from the network, without holding up anything else (SNTP, RFC 4330).

Servers are asked one after the other: the host's own choice, the pool, the router. An answer counts only if it repeats
our random stamp, comes from a server that is itself in time, and is not before this firmware was made.
"""

import asyncio
import os
import socket
import struct
import time

from kit.core.clock import RELEASED

POOL = ("nl.pool.ntp.org", "europe.pool.ntp.org")
_1900 = const(2208988800)  # s from 1900 to 1970
_ERA = const(1 << 32)  # the counter starts again in 2036
_WAIT_MS = const(2000)


class NoTime(OSError):
    """Nobody told the time, or nobody credibly."""


def parse(packet, stamp):
    """Unix time [ms] of an answer of 48 bytes to a question with this stamp of 8 bytes; NoTime if it is not one."""
    if len(packet) < 48 or packet[0] & 7 != 4 or packet[0] >> 6 == 3 or not 1 <= packet[1] <= 15:
        raise NoTime("no answer of a server that knows the time")
    if bytes(packet[24:32]) != stamp:
        raise NoTime("an answer to another question")
    seconds, fraction = struct.unpack_from("!II", packet, 40)
    unix = seconds - _1900
    if unix < RELEASED:
        unix += _ERA
    if not RELEASED <= unix < RELEASED + 30 * 365 * 86400:
        raise NoTime("a time that cannot be")
    return unix * 1000 + (fraction * 125 >> 29)


async def ask(host, port=123):
    """Unix time [ms] of one server; OSError if it does not answer."""
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0][-1]
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        stamp = os.urandom(8)
        line.sendto(b"\x23" + bytes(39) + stamp, address)
        began = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), began) < _WAIT_MS:
            await asyncio.sleep_ms(20)
            try:
                packet = line.recv(64)
            except OSError:
                continue  # not yet
            # The answer has been under way for about half of the time since the question.
            return parse(packet, stamp) + time.ticks_diff(time.ticks_ms(), began) // 2
        raise NoTime("no answer from " + host)
    finally:
        line.close()


async def ask_hosts(settings, wifi=None):
    """Unix time [ms] of the first server that answers; NoTime if none does."""
    hosts = [settings["ntp"]] if settings["ntp"] else []
    hosts.extend(POOL)
    if wifi:
        hosts.append(wifi.station.ifconfig()[2])  # many routers tell the time
    for host in hosts:
        try:
            return await ask(host)
        except OSError:
            pass  # the next one may
    raise NoTime("no time server answers")
