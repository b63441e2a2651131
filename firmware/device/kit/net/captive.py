# SPDX-License-Identifier: EUPL-1.2
"""Whether this Wi-Fi wants somebody to log in first: it then answers web requests in the name of others.

The collector's own host is asked for a page that cannot exist, so nobody else learns that there is a kit. A true server
says that it has none (404), or leads to itself; a gateway shows its page, leads elsewhere, or says so (511, RFC 6585).
"""

import asyncio
import binascii
import os

_WAIT_S = const(10)


def judge(host, head):
    """Whether the first lines of an answer [bytes] are those of a gateway."""
    lines = head.split(b"\r\n")
    parts = lines[0].split(b" ")
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/"):
        return False
    code = parts[1]
    if code in (b"511", b"200"):
        return True
    if code not in (b"301", b"302", b"303", b"307", b"308"):
        return False
    for line in lines[1:]:
        name, _, value = line.decode("utf-8").partition(":")
        if name.lower() == "location":
            value = value.strip()
            return "://" in value and value.split("://")[1].split("/")[0].split(":")[0] != host
    return False


async def is_captive(host, port=80):
    """True if a gateway answers for the host; False if not, or if nobody answers."""
    try:
        return await asyncio.wait_for(_ask(host, port), _WAIT_S)
    except (OSError, EOFError, ValueError, asyncio.TimeoutError):
        return False


async def _ask(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        page = binascii.hexlify(os.urandom(8)).decode()
        writer.write(("GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n" % (page, host)).encode())
        await writer.drain()
        return judge(host, await reader.read(600))
    finally:
        writer.close()
