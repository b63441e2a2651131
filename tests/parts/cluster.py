# SPDX-License-Identifier: EUPL-1.2
"""A real cluster of three RMQTT nodes on 127.0.0.1, on the set-up that `citimeasure broker config rmqtt` writes.

With it come what a city has around it: certificates, and the process that answers logins from a registry.
"""

from __future__ import annotations

import random
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from collector import rmqtt
from tests import parts
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment

NODES = 3


def rmqttd() -> Path:
    """The real broker."""
    return parts._part("rmqtt", "rmqttd")


def free_ports(n: int) -> int:
    """The first of n ports in a row that nobody listens on now.

    They lie below those that Linux gives to connections: a node that is started again finds its own still free.
    """
    while True:
        first = random.SystemRandom().randrange(10_000, 32_000)
        try:
            with ExitStack() as stack:
                for port in range(first, first + n):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue


class NodeServer(parts.Server):
    """One node, which is started again until it listens, as a service manager does."""

    def start(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                super().start()
                return
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                self.kill()
                time.sleep(0.5)


class Cluster:
    """Runs inside a `with`. `folder` gets all files; `data` is a collector's folder, `env` what its settings need."""

    def __init__(self, folder: Path, data: Path, **env: str) -> None:
        self.binary = str(rmqttd())
        self.folder, self.data, self.env = folder, data, env
        self.certs, self.setup = folder / "certs", folder / "rmqtt"
        kits, collector, rpc, raft = (free_ports(NODES) for _ in range(4))
        self.logins_port = parts.free_port()
        self._config = ("--certificate", self.certs / "server.crt", "--key", self.certs / "server.key",
                        *(("--node", "127.0.0.1") * NODES), "--kits-port", kits, "--collector-port", collector,
                        "--rpc-port", rpc, "--raft-port", raft,
                        "--logins", f"127.0.0.1:{self.logins_port}")  # fmt: skip
        self.kits_ports = range(kits, kits + NODES)
        self.collector_ports = range(collector, collector + NODES)
        self.nodes: list[NodeServer] = []
        self._stack = ExitStack()

    def write(self, *more: object, ok: bool = True) -> str:
        """Writes the set-up; what the command said."""
        return citimeasure("broker", "config", "rmqtt", "--out", self.setup, *self._config, *more, ok=ok).stderr

    def prepare(self) -> None:
        """Makes the certificates and the set-up, once."""
        if not self.certs.exists():
            citimeasure("broker", "certs", "--out", self.certs, "--name", "localhost", "--name", "127.0.0.1")
            self.write()

    def __enter__(self) -> Cluster:
        self.prepare()
        command = [*CITIMEASURE, "broker", "logins", "--listen", f"127.0.0.1:{self.logins_port}"]
        env = environment(CITIMEASURE_BROKER_PASSWORD_FILE=str(self.setup / rmqtt.SECRET), **self.env)
        with self._stack as stack:
            self.logins = parts.Server(
                [*command, "--folder", str(self.data)], self.logins_port, self.folder / "logins.log", env=env
            )
            stack.callback(self.logins.kill)
            for n in range(NODES):
                home = self.setup / f"node-{n + 1}"
                self.nodes.append(
                    NodeServer(
                        [self.binary, "-f", str(home / rmqtt.CONFIG)], self.kits_ports[n], home / "log", cwd=home
                    )
                )
                stack.callback(self.nodes[-1].kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def collector(self, node: int) -> dict[str, str]:
        """The settings of a collector beside a node."""
        return {
            **self.env,
            "CITIMEASURE_BROKER": f"mqtt://127.0.0.1:{self.collector_ports[node]}",
            "CITIMEASURE_BROKER_GROUP": rmqtt.GROUP,
            "CITIMEASURE_BROKER_USERNAME": "collector",
            "CITIMEASURE_BROKER_PASSWORD_FILE": str(self.setup / rmqtt.SECRET),
        }
