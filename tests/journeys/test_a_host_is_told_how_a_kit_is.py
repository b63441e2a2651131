# SPDX-License-Identifier: EUPL-1.2
"""A kit is well, sends what is refused, falls silent: its host reads so at the broker and from the command line."""

import json
import threading
import time

import paho.mqtt.client as paho
import pytest

from collector.health import health_topic
from collector.message import Message, Reading, encode, readings_topic
from tests import parts
from tests.journeys.collecting import Collector, citimeasure, wait_until

KIT = "kit-aaaaaa"


class Host:
    """Somebody who reads the retained message about a kit; a second client sends as the kit."""

    def __init__(self, port):
        self.told, self.came, self.seq = [], threading.Event(), 0
        self.reader = self._client(port, f"{KIT}-host")
        self.reader.on_message = lambda client, data, message: self.told.append(json.loads(message.payload))
        self.reader.subscribe(health_topic(KIT))
        self.kit = self._client(port, KIT)

    def _client(self, port, name):
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name)
        client.connect("127.0.0.1", port)
        client.loop_start()
        wait_until(client.is_connected)
        return client

    def send(self, t):
        self.seq += 1
        reading = Reading(seq=self.seq, dt=1, q={"pm25": 5.0}, t=int(t))
        self.kit.publish(readings_topic(KIT), encode(Message(v=1, boot=1, readings=[reading], fw="1")), qos=1)

    def wait_for(self, state):
        wait_until(lambda: any(one["state"] == state for one in self.told), 90, f"the state {state}")
        return [one for one in self.told if one["state"] == state][-1]

    def close(self):
        for client in (self.reader, self.kit):
            client.disconnect()
            client.loop_stop()


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request):
    if request.param == "embedded":
        yield {"port": parts.free_port(), "broker": "embedded"}
    else:
        with parts.mosquitto() as server:
            yield {"port": server.port, "broker": server.url}


def test_a_kit_that_is_refused_and_then_silent(broker, tmp_path):
    folder, port = tmp_path / "data", broker["port"]
    citimeasure("device", "add", "--id", KIT, "--folder", folder)
    settings = {"CITIMEASURE_SILENT_S": "4", "CITIMEASURE_LIMIT_MESSAGES": "6000"}
    args = ("--listen", f"127.0.0.1:{port}") if broker["broker"] == "embedded" else ("--broker", broker["broker"])
    with Collector(folder, *args, **settings) as collector:
        host = Host(port)
        # Three readings a second apart: a kit whose pace is known is silent after ten of its intervals.
        began = time.time()
        for n in range(3):
            host.send(began - 3 + n)
            time.sleep(0.2)
        assert host.wait_for("ok")["text"]["nl"]["ok"]
        listed = json.loads(citimeasure("device", "list", "--folder", folder, "-o", "json", **settings).stdout)
        assert [one["state"] for one in listed] == ["ok"]
        host.send(began + 40 * 86_400)

        # Of the same kit a change is told every five minutes at most, so the second one is asked of the command line.
        def shown(language):
            return citimeasure("device", "show", KIT, "--folder", folder, "--language", language, **settings).stdout

        wait_until(lambda: "lies in the future" in shown("en"))
        assert "De tijd van een meting ligt in de toekomst" in shown("nl")
        host.close()
        collector.stop()
    with Collector(folder, *args, **settings):
        late = Host(port)
        assert late.wait_for("rejecting")["codes"] == ["clock"]
        wait_until(lambda: "Nothing has come from the kit" in shown("en"), 25)
        whole = json.loads(citimeasure("device", "show", KIT, "--folder", folder, "-o", "json", **settings).stdout)
        assert whole["health"]["state"] == "silent" and whole["health"]["refused in a day"] == {"clock": 1}
        late.close()
