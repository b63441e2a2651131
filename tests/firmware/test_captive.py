# SPDX-License-Identifier: EUPL-1.2
"""A Wi-Fi that wants a log-in is told from a collector that is away."""

import json
import socket
import threading

import pytest

from tests.firmware import board

ASK = """
import asyncio, sys
from kit.net.captive import is_captive
print(asyncio.run(is_captive("127.0.0.1", int(sys.argv[1]))))
"""


def gateway(answer):
    """Answers one web request like that; returns the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with server, server.accept()[0] as line:
            line.recv(4096)
            line.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "captive"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/?next=x\r\n\r\n", True),
        (b"HTTP/1.1 511 Network Authentication Required\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\n\r\n<html>Welcome", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/x\r\n\r\n", False),
        (b"HTTP/1.1 301 Moved\r\nlocation: /elsewhere\r\n\r\n", False),
        (b"SSH-2.0-x\r\n", False),
        (b"\xff\xfe", False),
        (b"", False),
    ],
)
def test_a_gateway_gives_itself_away(answer, captive):
    assert board.run(ASK, gateway(answer)).strip() == str(captive)


def test_nobody_there_is_no_gateway():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert json.loads(board.run(ASK, port).lower()) is False
