# SPDX-License-Identifier: EUPL-1.2
"""The HTTP server against clients that are slow, many, or speak something else: it ends them, and serves the others."""

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import certificates
from collector.errors import SettingError
from collector.ingest.webserver import Bounds, Response, WebServer, WebThread
from tests.journeys.collecting import wait_until

QUICK = Bounds(request_s=0.5, idle_s=0.5, hello_s=0.5, write_s=0.5)
ASK = b"GET / HTTP/1.1\r\nHost: c\r\n\r\n"


async def echo(request):
    if request.path == "/fail":
        raise RuntimeError("a secret that nobody should see")
    if request.path == "/large":
        return Response(200, b"x" * 50_000_000, "text/plain")
    return Response(200, request.method.encode() + b" " + request.body, "text/plain")


@pytest.fixture
def serve():
    threads = []

    def start(bounds=QUICK, tls=None):
        thread = WebThread()
        server = WebServer("watch", ("127.0.0.1", 0), echo, tls, bounds)
        thread.add(server.run)
        thread.start()
        threads.append(thread)
        return server

    yield start
    for thread in threads:
        thread.end()
        assert not thread.is_alive() and thread.failed is None


def connect(server, data=b""):
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    sock.sendall(data)
    return sock


def rest(sock):
    """All that comes until the server ends the connection; TimeoutError if it does not."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while more := sock.recv(1 << 20):
            said += more
    return said


def ask(server, method="GET", path="/", body=None):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    client.request(method, path, body)
    response = client.getresponse()
    told = response.status, response.read()
    client.close()
    return told


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b"HTTP/1.1 408"),
        (ASK, b"HTTP/1.1 200"),
    ],
)
def test_who_stops_in_the_midst_is_ended(serve, sent, told):
    with connect(serve(), sent) as sock:
        assert rest(sock)[:12] == told


def test_who_sends_a_byte_now_and_then_gets_no_longer(serve):
    with connect(serve()) as sock, pytest.raises((ConnectionError, AssertionError)):
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 2000:
            sock.sendall(bytes([byte]))
            sock.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                assert sock.recv(100)[:12] != b"HTTP/1.1 408"


def test_who_does_not_take_the_answer_is_ended_and_holds_up_nobody(serve):
    server = serve()
    with connect(server, b"GET /large HTTP/1.1\r\nHost: c\r\n\r\n") as sock:
        assert ask(server) == (200, b"GET ")
        wait_until(lambda: not server._connections, what="the end of the connection")
        assert len(rest(sock)) < 50_000_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"\r\n\r\n\r\nrubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: c\r\nX: " + b"x" * 9000, 431),
        (b"POST / HTTP/1.1\r\nHost: c\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: c\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: c\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: c\r\n\r\n", 200),
        (b"CONNECT c:1 HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 200),
    ],
)
def test_what_is_no_request_gets_a_status_and_the_end(serve, sent, status):
    with connect(serve(), sent) as sock:
        assert rest(sock)[:12] == b"HTTP/1.1 %d" % status


def test_a_handler_s_error_is_told_to_the_log_only(serve, caplog):
    status, body = ask(serve(), path="/fail")
    assert status == 500 and b"secret" not in body
    assert "please report" in caplog.text


def test_a_head_request_is_answered_without_a_body_and_the_connection_goes_on(serve):
    with connect(serve(), b"HEAD / HTTP/1.1\r\nHost: c\r\n\r\n" + ASK) as sock:
        assert rest(sock).endswith(b"\r\n\r\nGET ")


def test_of_too_many_connections_the_one_that_says_nothing_for_longest_goes(serve):
    server = serve(replace(QUICK, connections=3, request_s=60, idle_s=60))
    silent = [connect(server) for _ in range(3)]
    wait_until(lambda: len(server._connections) == 3)
    assert ask(server) == (200, b"GET ")
    assert rest(silent[0]) == b""
    for sock in silent:
        sock.close()


def test_one_address_has_a_share_of_the_connections(serve, monkeypatch):
    monkeypatch.setattr("collector.ingest.webserver._LOOPBACK", ())
    server = serve(replace(QUICK, per_address=2, request_s=60))
    first = [connect(server) for _ in range(2)]
    wait_until(lambda: len(server._connections) == 2)
    with connect(server, ASK) as sock:
        assert rest(sock) == b""
    for sock in first:
        sock.sendall(ASK)
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        sock.close()


def test_a_handshake_that_is_not_finished_counts_and_ends(serve, tmp_path):
    _, _, certificate, key = certificates.make(tmp_path, ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = serve(replace(QUICK, hello_s=1.0), tls)
    with connect(server, b"\x16\x03\x01") as half, connect(server, ASK) as plain:
        wait_until(lambda: server._connections)
        assert rest(plain)[:5] != b"HTTP/"
        assert rest(half) == b""
    wait_until(lambda: not server._connections)


def test_a_flood_from_one_address_does_not_keep_others_out(serve):
    server = serve(replace(QUICK, connections=20, per_address=10, request_s=60))
    end = threading.Event()
    tried = 0

    def flood():
        nonlocal tried
        kept = []
        while not end.is_set():
            sock = socket.socket()
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.2", 0))
                sock.connect(("127.0.0.1", server.port))
                sock.sendall(b"GET / HTTP/1.1\r\n")
            kept.append(sock)
            tried += 1
            if len(kept) > 200:
                kept.pop(0).close()
        for sock in kept:
            sock.close()

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        wait_until(lambda: len(server._connections) >= 10)
        assert [ask(server) for _ in range(20)] == [(200, b"GET ")] * 20
    finally:
        end.set()
        thread.join()
    assert tried > 20


def test_an_address_that_is_taken_is_told(serve):
    with pytest.raises(SettingError, match="cannot listen"):
        WebServer("watch", ("127.0.0.1", serve().port), echo)


PIECES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /v1/readings HTTP/1.1\r\n",
            b"Host: c\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: 0\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Connection: close\r\n",
            b"\r\n",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b"abc",
        ]
    ),
)


def test_whatever_is_sent_the_server_goes_on(serve, caplog):
    server = serve(replace(QUICK, request_s=5))

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.lists(PIECES, max_size=12), st.booleans())
    def send(pieces, whole):
        with connect(server) as sock:
            with contextlib.suppress(ConnectionError):
                for data in [b"".join(pieces)] if whole else pieces:
                    sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            said = rest(sock)
        assert not said or said.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 500" not in said

    send()
    assert ask(server) == (200, b"GET ")
    assert not [one for one in caplog.records if one.levelname in ("ERROR", "CRITICAL")]
