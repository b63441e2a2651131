# SPDX-License-Identifier: EUPL-1.2
"""The loop around connections: how long it waits between them, and what does not end it."""

import threading

import pytest

from collector.errors import BrokerError
from collector.ingest.connection import Address, Connection
from collector.ingest.mqtt import Link
from collector.settings import Settings
from tests.journeys.collecting import wait_until


class Taking:
    """As much of an intake as the loop asks for: it takes everything, and commits at once."""

    def __init__(self):
        self.taken, self.waiting = [], 0

    def take_all(self, messages):
        self.taken += messages
        return len(messages)

    def commit(self):
        return []

    def refresh(self):
        pass


@pytest.fixture
def link(mosquitto, tmp_path):
    stop = threading.Event()
    link = Link(Settings(folder=tmp_path, broker=mosquitto.url), Taking(), stop)
    link.end = stop
    yield link
    link._door.close()


def test_pauses_do_not_grow_from_one_good_connection_to_the_next(link, mosquitto, monkeypatch):
    pauses, ready = [], threading.Event()
    reconnect = link._reconnect
    monkeypatch.setattr(link, "_reconnect", lambda wait: (pauses.append(wait), reconnect(wait))[1])
    link.on_ready = ready.set
    thread = threading.Thread(target=link.run)
    thread.start()
    try:
        for n in range(1, 4):
            assert ready.wait(30)
            ready.clear()
            kit = Connection(Address(mosquitto.host, mosquitto.port), "unheard")
            kit.publish([("citimeasure/v1/kit-00001/readings", b"{}")])
            wait_until(lambda n=n: len(link._intake.taken) == n, what="a message")
            kit.close()
            mosquitto.restart()
    finally:
        assert ready.wait(30)
        link.end.set()
        thread.join(30)
    assert pauses == [1.0, 1.0, 1.0]


def test_a_broker_that_refuses_for_a_while_is_asked_again(link, caplog, monkeypatch):
    answers = [BrokerError("It refused: not authorized.", "Check it."), OSError("away"), "a connection"]

    def open_():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(link, "_open", open_)
    monkeypatch.setattr(link, "_serve_door", lambda until: None)
    assert link._reconnect(1.0) == ("a connection", 8.0)
    assert "ALARM: It refused: not authorized." in caplog.text and "Check it." in caplog.text
