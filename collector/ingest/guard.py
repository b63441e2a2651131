# SPDX-License-Identifier: EUPL-1.2
"""The guard of the embedded broker: it stands between the sockets and amqtt, and lets through what the rules allow.

amqtt begins to act on a CONNECT before it asks who sends it: it ends the other session of that client id, and keeps the
new one even if it is refused. It knows no largest packet, and its queues have no end. So each packet is read and judged
here first: name and password, topics, size, pace. What amqtt sees of a kit is its id as client id, a clean session, no
password, and only its own topics. The broker (`broker.py`) starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter
from amqtt.errors import AMQTTError

from collector.credentials import COLLECTOR, verify_password
from collector.errors import NetworkError
from collector.ingest import packets
from collector.ingest.limits import Bucket
from collector.ingest.packets import CONNECT, FROM_CLIENTS, PUBLISH, SUBSCRIBE, Malformed
from collector.ingest.rules import KEEPALIVE_MAX, MAX_PACKET, kit_reads, kit_writes
from collector.registry import Account

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@dataclass(frozen=True)
class Pace:
    """How much the guard lets in. A kit needs a small part of it; what is over it waits in the socket, unread."""

    connections: int = 800
    per_address: int = 100  # of one address that is not this machine's
    waiting: int = 100  # not known yet; a doubtful login goes first, else the one that waits longest
    hello_s: float = 10.0  # for the CONNECT
    packet_s: float = 20.0  # for the rest of a packet that has begun
    write_s: float = 20.0  # for a client to take what is sent to it
    packets_per_s: float = 50.0
    packets_at_once: float = 200.0
    broker_queue: int = 2000  # messages in amqtt that the collector has not taken yet


class Guard:
    """Judges connections for one amqtt broker. All of it runs in the broker's loop.

    `accounts` reads which kits may log in now; it may block, and is called in a thread.
    """

    def __init__(
        self,
        accounts: Callable[[], Mapping[str, Account]],
        collector_password: str,
        *,
        anonymous: bool,
        pace: Pace | None = None,
    ) -> None:
        self._load_accounts = accounts
        self._collector_password = collector_password
        self._anonymous = anonymous
        self.pace = pace or Pace()
        self._accounts: Mapping[str, Account] = {}
        self._loaded = 0.0
        self._said = 0.0
        self._kits: dict[str, Connection] = {}
        self._all: dict[Connection, asyncio.Task[Any]] = {}
        self.broker: Any = None

    async def watch(self) -> None:
        """Runs for ever: lets kits go whose account or password has ended."""
        while True:
            await self._reload()
            for kit in list(self._kits.values()):
                account = self._accounts.get(kit.account)
                if account is None or kit.hash not in account.hashes:
                    log.warning("broker: device=%s is let go: its password does not hold any more", kit.account)
                    kit.abort()
            await asyncio.sleep(1.0)

    async def end(self) -> None:
        """Ends every connection, those too that the broker was never told of."""
        tasks = list(self._all.values())
        for connection in list(self._all):
            connection.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _reload(self) -> None:
        began = time.monotonic()
        try:
            self._accounts = await asyncio.to_thread(self._load_accounts)
        except NetworkError as error:
            self.say("registry: %s Passwords are those of before.", error)
        self._loaded = began

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its connection to its end."""
        peer = writer.get_extra_info("peername")
        if peer is None:
            writer.close()
            return
        connection = Connection(self, reader, writer, str(peer[0]))
        task = asyncio.current_task()
        assert task is not None
        if self._room_for(connection):
            self._all[connection] = task
            try:
                if hello := await self._hello(connection):
                    await self.broker.external_connected(
                        _Reader(connection, hello), _Writer(connection, writer), "default"
                    )
            except (OSError, asyncio.IncompleteReadError, AMQTTError) as error:
                log.debug("broker: a connection ended: %s", type(error).__name__)
            finally:
                del self._all[connection]
                if self._kits.get(connection.account) is connection:
                    del self._kits[connection.account]
        connection.abort()

    def _room_for(self, connection: Connection) -> bool:
        here = [one for one in self._all if one.address == connection.address]
        local = connection.address in _LOOPBACK
        if len(self._all) >= self.pace.connections or (not local and len(here) >= self.pace.per_address):
            self.say("broker: too many connections; one from %s is refused", connection.address)
            return False
        waiting = [one for one in self._all if not one.known]
        if len(waiting) >= self.pace.waiting:
            next((one for one in waiting if one.doubtful), waiting[0]).abort()
        return True

    async def _hello(self, connection: Connection) -> bytes:
        """The CONNECT to pass on, or nothing if the client is refused."""
        try:
            packet = await asyncio.wait_for(connection.packet(), self.pace.hello_s)
            if not packet or packet[0] != CONNECT << 4:
                return b""
            wanted = packets.parse_connect(packets.body_of(packet))
        except (TimeoutError, Malformed):
            return b""
        if wanted.level != 4:
            connection.send(packets.connack(packets.WRONG_PROTOCOL))
            return b""
        if not await self._admit(connection, wanted):
            self.say("broker: a login from %s is refused", connection.address)
            connection.send(packets.connack(packets.NOT_AUTHORIZED))
            return b""
        connection.known = True
        connection.keepalive = min(wanted.keepalive or KEEPALIVE_MAX, KEEPALIVE_MAX)
        if connection.is_kit:
            await self._take_over(connection)
            client_id = connection.account
        else:
            client_id = f"{connection.account or 'anonymous'}/{wanted.client_id or secrets.token_hex(8)}"
        return wanted.packet(client_id)

    async def _admit(self, connection: Connection, wanted: packets.Connect) -> bool:
        if wanted.username is None or wanted.password is None:
            return self._anonymous and wanted.username is None
        if wanted.username == COLLECTOR:
            connection.account = COLLECTOR
            return hmac.compare_digest(wanted.password.encode(), self._collector_password.encode())
        for attempt in range(2):
            connection.doubtful = attempt > 0
            if attempt:  # it may have been registered a moment ago; strangers cannot make us look more often
                asked = time.monotonic()
                await asyncio.sleep(max(0.0, self._loaded + 0.2 - asked))
                if self._loaded < asked:
                    await self._reload()
            account = self._accounts.get(wanted.username)
            hashes = account.hashes if account else ()
            right = next((one for one in hashes if verify_password(wanted.password, one)), None)
            if right is not None:
                if wanted.will_topic is not None and wanted.will_topic not in kit_writes(wanted.username):
                    return False
                connection.become(wanted.username, right)
                return True
        return False

    async def _take_over(self, connection: Connection) -> None:
        """A kit has one connection: the one before ends first."""
        before = self._kits.get(connection.account)
        self._kits[connection.account] = connection
        if before is not None and (task := self._all.get(before)) is not None:
            before.abort()
            await asyncio.wait([task], timeout=5)

    async def room_in_broker(self) -> None:
        """Waits, for a while, until the broker has passed on what it was given."""
        for _ in range(100):
            if self.broker._broadcast_queue.qsize() + len(self.broker._tasks_queue) < self.pace.broker_queue:
                return
            await asyncio.sleep(0.01)

    def say(self, text: str, *words: object) -> None:
        """A warning; of those that a stranger can cause, one in a while is enough."""
        now = time.monotonic()
        if now - self._said >= 10:
            self._said = now
            log.warning(text, *words)


class Connection:
    """One socket, and who is behind it."""

    def __init__(self, guard: Guard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        self.guard, self.address = guard, address
        self._reader, self._writer = reader, writer
        self.account, self.hash = "", ""
        self.known = False
        self.doubtful = False  # the first look found nobody of that name and password
        self.keepalive = KEEPALIVE_MAX
        self._writes: frozenset[str] | None = None
        self._reads: frozenset[str] | None = None
        self._bucket = Bucket(guard.pace.packets_per_s, guard.pace.packets_at_once)

    def become(self, device: str, hash_: str) -> None:
        """A kit that gave the right password."""
        self.account, self.hash = device, hash_
        self._writes, self._reads = kit_writes(device), kit_reads(device)

    @property
    def is_kit(self) -> bool:
        return self._writes is not None

    def may_read(self, topic: str) -> bool:
        """Whether messages of a topic may be sent to it."""
        return self._reads is None or topic in self._reads

    def abort(self) -> None:
        """Ends it at once."""
        self._writer.transport.abort()

    def send(self, packet: bytes) -> None:
        """An answer of the guard's own."""
        if not self._writer.transport.is_closing():
            self._writer.write(packet)

    async def packet(self) -> bytes:
        """The next packet as it came; nothing at the end. Malformed if it is too long."""
        first = await self._reader.readexactly(1)
        async with asyncio.timeout(self.guard.pace.packet_s):
            head, size, shift = bytearray(first), 0, 0
            while True:
                digit = (await self._reader.readexactly(1))[0]
                head.append(digit)
                size |= (digit & 0x7F) << shift
                shift += 7
                if not digit & 0x80:
                    break
                if shift > 21:
                    raise Malformed("its length is no number")
            if size > MAX_PACKET:
                raise Malformed(f"it has {size} bytes")
            return bytes(head) + await self._reader.readexactly(size)

    async def next_allowed(self) -> bytes:
        """The next packet that may be passed on; nothing at the end, or if the client breaks the rules."""
        try:
            while True:
                packet = await asyncio.wait_for(self.packet(), 1.5 * self.keepalive)
                if self.is_kit and (wait := self._bucket.take()) > 0:
                    await asyncio.sleep(wait)  # what it sends meanwhile waits in the socket
                if allowed := self._judge(packet):
                    if packet[0] >> 4 == PUBLISH and self.account != COLLECTOR:
                        await self.guard.room_in_broker()
                    return allowed
        except (asyncio.IncompleteReadError, OSError, TimeoutError):  # it went, or said nothing for too long
            return b""
        except Malformed as error:
            self.guard.say("broker: %s sent what no client may send (%s)", self.account or self.address, error)
            self.abort()
            return b""

    def _judge(self, packet: bytes) -> bytes:
        """What is passed on of a packet: all of it, or nothing."""
        kind, flags, body = packet[0] >> 4, packet[0] & 15, packets.body_of(packet)
        if kind not in FROM_CLIENTS:
            raise Malformed(f"a packet of type {kind}")
        if kind == PUBLISH:
            told = packets.parse_publish(flags, body)
            if self._writes is None:
                return packet
            if told.qos == 2:
                raise Malformed("a message of QoS 2, which no kit uses")
            if told.topic in self._writes:
                return packet
            self.guard.say("broker: device=%s may not write what it wrote; it is thrown away", self.account)
            if told.qos:
                self.send(packets.puback(told.packet_id))
            return b""
        if kind == SUBSCRIBE:
            packet_id, filters = packets.parse_subscribe(body)
            if self._reads is None:
                return packet
            if not self._reads.issuperset(filters):
                self.guard.say("broker: device=%s may not read what it asked for", self.account)
                self.send(packets.suback_refused(packet_id, len(filters)))
                return b""
            # A message that a kit never confirms would hold up amqtt's queue for all.
            return packets.subscribe(packet_id, filters)
        if (kind in (4, 5, 6, 7) and len(body) != 2) or (kind in (12, 14) and body):
            raise Malformed(f"a packet of type {kind} with {len(body)} bytes")
        if kind == 10:
            packets.parse_unsubscribe(body)
        return packet


class _Reader(ReaderAdapter):
    """What amqtt reads of a client: packets that were allowed."""

    def __init__(self, connection: Connection, first: bytes) -> None:
        self._connection, self._rest = connection, first

    async def read(self, n: int = -1) -> bytes:
        if n == 0:
            return b""
        if not self._rest:
            self._rest = await self._connection.next_allowed()
        n = len(self._rest) if n < 0 else n
        data, self._rest = self._rest[:n], self._rest[n:]
        return data

    def feed_eof(self) -> None:
        self._rest = b""


class _Writer(StreamWriterAdapter):
    """What amqtt writes to a client: nothing that a kit may not read."""

    def __init__(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        super().__init__(writer)
        self._connection = connection

    def write(self, data: bytes) -> None:
        # amqtt writes whole packets. To one that connects it sends every retained message that anybody subscribed to.
        if self._connection.is_kit and data[0] >> 4 == PUBLISH:
            told = packets.parse_publish(data[0] & 15, packets.body_of(data))
            if not self._connection.may_read(told.topic):
                return
        super().write(data)

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(self._connection.guard.pace.write_s):
                await super().drain()
        except TimeoutError:
            self._connection.abort()

    async def close(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._connection.guard.pace.write_s):
                await super().close()
        self._connection.abort()
