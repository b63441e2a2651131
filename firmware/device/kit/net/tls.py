# SPDX-License-Identifier: EUPL-1.2
"""A checked TLS connection: the broker's certificate must be valid today, for its name, and lead to one of our roots.

Roots lie in /cfg/roots, one file each, in DER or PEM; two of them let a city change its root without visiting kits.
There is no way to leave the check out.
"""

import asyncio
import os

from kit.net.mqtt import MQTTError


class NoRoot(MQTTError):
    """There is no certificate to check the broker with."""

    word = "no_root"


def context(folder):
    """An SSLContext that trusts the roots of a folder; NoRoot if there is none that can be read."""
    import tls

    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    n = 0
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    for name in names:
        with open(folder + "/" + name, "rb") as file:
            root = file.read()
        try:
            made.load_verify_locations(root)
            n += 1
        except (OSError, ValueError):
            print("root certificate %s cannot be read" % name)
    if not n:
        raise NoRoot(folder)
    return made


async def connect(host, port, roots):
    """(reader, writer) of a checked connection. OSError if nobody answers; ValueError if the certificate is wrong."""
    return await asyncio.open_connection(host, port, ssl=context(roots), server_hostname=host)
