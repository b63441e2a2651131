# SPDX-License-Identifier: EUPL-1.2
"""What only a server can do: be away, be restarted, refuse."""

import http.server
import threading

import pytest

from collector.errors import SettingError, StoreRefused, StoreUnavailable
from collector.store.base import Row
from collector.store.influx import InfluxStore
from tests import parts

ROW = Row("kit-a", "pm25", 1767261600, 60, 1.5, 1, 0)


def open_(server, **other):
    how = {"url": server.url, "org": server.org, "bucket": server.bucket, "token": server.token, **other}
    return InfluxStore(how["url"], how["org"], how["bucket"], how["token"])


def test_a_server_that_is_away_is_waited_for_and_a_restart_keeps_everything():
    with parts.influxd() as server:
        store = open_(server)
        store.write([ROW])
        server.kill()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.write([ROW._replace(t=ROW.t + 60)])
        server.start()
        assert list(store.read("kit-a", "pm25", 0, 2**40).t) == [ROW.t]
        store.close()


@pytest.mark.parametrize("other", [{"token": "wrong"}, {"bucket": "wrong"}, {"org": "wrong"}])
def test_wrong_access_is_told_apart(influx_server, other):
    store = open_(influx_server, **other)
    with pytest.raises(StoreRefused) as refused:
        store.write([ROW])
    assert refused.value.access and "influx_token_file" in refused.value.hint
    assert influx_server.token not in str(refused.value) + repr(vars(refused.value))
    store.close()


def test_a_line_that_influxdb_cannot_take_is_refused_in_its_own_words(influx_server):
    store = open_(influx_server)
    store.write([ROW])
    with pytest.raises(StoreRefused, match="unable to parse") as refused:
        store.write([ROW._replace(value=float("nan"))])
    assert not refused.value.access
    store._ask("POST", f"/api/v2/write?org={influx_server.org}&bucket={influx_server.bucket}&precision=s",
               b"reading,source=kit-z radon=5i 1767261600")  # fmt: skip
    with pytest.raises(StoreRefused, match="field type conflict"):
        store.write([ROW._replace(quantity="radon", source="kit-z")])
    store.close()


@pytest.fixture
def busy():
    """A server that answers what a test tells it to."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "wait"), [((429, {"Retry-After": "7"}), 7.0), ((503, {}), None), ((500, {}), None), ((502, {}), None)]
)
def test_a_busy_server_is_asked_again(busy, answer, wait):
    busy.answer = answer
    store = InfluxStore(f"http://127.0.0.1:{busy.server_port}", "o", "b", "t")
    with pytest.raises(StoreUnavailable) as away:
        store.write([ROW])
    assert away.value.retry_after == wait
    store.close()


def test_no_token_is_said_at_once():
    with pytest.raises(SettingError, match="token"):
        InfluxStore("http://127.0.0.1:1", "o", "b", "")
