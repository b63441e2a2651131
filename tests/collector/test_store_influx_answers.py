# SPDX-License-Identifier: EUPL-1.2
"""Answers that a healthy InfluxDB 2 does not give, but a proxy, an older version or a wrong address does.

What must hold: nothing counts as written that was not, and no batch is taken for poison because of a setting.
"""

import http.server
import json
import re
import socket
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.errors import SettingError, StoreRefused, StoreUnavailable
from collector.store.base import Row
from collector.store.influx import InfluxStore, encode_lines

ROW = Row("kit-a", "pm25", 1767261600, 60, 1.5, 1, 0)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what `server.answer(path)` returns: a status and a body."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(server):
    store = InfluxStore(f"http://127.0.0.1:{server.server_port}", "org", "bucket", "token")
    yield store
    store.close()


def result(values, **more):
    return 200, json.dumps({"results": [{"series": [{"name": "reading", "values": values, **more}]}]}).encode()


@pytest.mark.parametrize("status", [200, 201, 301, 302, 307, 402, 405, 407, 410, 415])
def test_a_wrong_address_is_not_a_written_or_a_poisonous_batch(server, store, status):
    server.answer = lambda _: (status, b"<html>Welcome to the hotel</html>")
    with pytest.raises(StoreRefused, match=str(status)) as refused:
        store.write([ROW])
    assert refused.value.access and "influx_url" in refused.value.hint


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 204 No Content\r\nX-Influx", None),
        (b"HTTP/1.1 20", StoreUnavailable),
        (b"HTTP/1.1 500 Internal", StoreUnavailable),
        (b"", StoreUnavailable),
    ],
)
def test_an_answer_that_is_cut_off_counts_by_its_status_and_leaves_no_traceback(answer, error, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reply():
            peer, _ = listener.accept()
            while not peer.recv(65536).endswith(b"1767261600"):
                pass
            peer.sendall(answer)
            peer.close()

        thread = threading.Thread(target=reply)
        thread.start()
        store = InfluxStore(f"http://127.0.0.1:{listener.getsockname()[1]}", "org", "bucket", "token")
        if error is None:
            store.write([ROW])
        else:
            with pytest.raises(error):
                store.write([ROW])
        store.close()
        thread.join(20)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("status", [400, 413, 422])
def test_only_these_answers_are_about_the_lines(server, store, status):
    server.answer = lambda _: (status, b'{"message":"too bad."}')
    with pytest.raises(StoreRefused, match="too bad") as refused:
        store.write([ROW])
    assert not refused.value.access


def test_a_proxy_that_gave_up_waiting_is_asked_again(server, store):
    server.answer = lambda _: (408, b"")
    with pytest.raises(StoreUnavailable):
        store.write([ROW])


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"results":[]}', b"\xff"])
def test_a_page_is_no_answer_to_a_question(server, store, body):
    server.answer = lambda _: (200, body)
    with pytest.raises(StoreRefused, match="not InfluxDB") as refused:
        store.read("kit-a", "pm25", 0, 10)
    assert refused.value.access


def test_an_answer_that_the_server_cut_is_read_on(server, store):
    def answer(path):
        after = int(re.search(r"time > (\d+)s", parse_qs(urlsplit(path).query)["q"][0])[1])
        times = range(after + 1, 11)[:4]  # max-row-limit = 4, as InfluxDB 1 can be set
        return result([[t, float(t), 60, 1, 0] for t in times], partial=True) if times else (200, b'{"results":[{}]}')

    server.answer = answer
    assert list(store.read("kit-a", "pm25", 0, 10).t) == list(range(1, 11))


@pytest.mark.parametrize("hidden", range(4))
def test_a_line_that_is_half_visible_is_not_there_yet(server, store, hidden):
    columns = [1.0, 60, 1, 0]
    columns[hidden] = None
    server.answer = lambda _: result([[5, 1.0, 60, 1, 0], [6, *columns]])
    assert list(store.read("kit-a", "pm25", 0, 10).t) == [5]


def test_a_series_that_begins_between_two_questions_is_left_out(server, store):
    def answer(path):
        question = parse_qs(urlsplit(path).query)["q"][0]
        if question.startswith("SHOW"):
            return result([["pm25", "float"], ["pm25_dt", "integer"]])
        old = {"tags": {"source": "kit-a"}, "values": [[7, 7]]}
        new = {"tags": {"source": "kit-b"}, "values": [[9, 1]]}
        series = [old] if "count" in question else [old, new]
        return 200, json.dumps({"results": [{"series": series}]}).encode()

    server.answer = answer
    assert store.series() == [("kit-a", "pm25", 7, 7, 7)]


@pytest.mark.parametrize("url", ["", "127.0.0.1:8086", "ftp://127.0.0.1", "http://", "http://a:b:c", "http://a:99999"])
def test_an_address_that_is_none_is_said_at_once(url):
    with pytest.raises(SettingError, match="influx_url"):
        InfluxStore(url, "org", "bucket", "token")


def test_secrets_stay_out_of_messages():
    with pytest.raises(SettingError) as wrong:
        InfluxStore("http://me:secret@127.0.0.1:1", "org", "bucket", "token")
    assert "secret" not in str(wrong.value) + wrong.value.hint
    for token in ("sec\nret", "sec ret", "sec€ret"):
        with pytest.raises(SettingError) as wrong:
            InfluxStore("http://127.0.0.1:1", "org", "bucket", token)
        assert token not in str(wrong.value) + wrong.value.hint


@pytest.mark.parametrize("name", ["", "kit\nreading,source=kit-b pm25=9", "kit\\", "kit\t"])
def test_a_name_cannot_begin_a_line_of_its_own(name):
    with pytest.raises(StoreRefused, match="name"):
        encode_lines([ROW._replace(source=name)])
    with pytest.raises(StoreRefused, match="name"):
        encode_lines([ROW._replace(quantity=name)])


def test_an_odd_name_is_escaped_everywhere():
    (line,) = encode_lines([ROW._replace(source="a b", quantity="c,d=e")])
    name = "c\\,d\\=e"
    assert line == f"reading,source=a\\ b {name}=1.5,{name}_flag=1i,{name}_tests=0i,{name}_dt=60i 1767261600"
