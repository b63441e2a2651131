# SPDX-License-Identifier: EUPL-1.2
"""A whole set-up for a cluster of RMQTT brokers: the configuration of each node and of its plugins.

`citimeasure broker config rmqtt` writes it, a folder for each node. Kits come over TLS, to any node; a collector has a
listener of its own on each node's machine. Who may log in, and do what, each node asks of `citimeasure broker logins`
(`collector/ingest/logins.py`) on its own machine; what that does not allow, nobody may.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.credentials import COLLECTOR
from collector.errors import SettingError
from collector.ingest.logins import PATH
from collector.ingest.rules import KEEPALIVE_MAX, MAX_PACKET

CONFIG, README = "rmqtt.toml", "README.md"
SECRET = "collector.password"
GROUP = "collectors"  # the shared subscription's name


@dataclass(frozen=True)
class Setup:
    """What a city may choose. `nodes` are addresses in the network between them, which must be a private one: what
    nodes say to each other is neither secret nor signed. Further nodes of one address count their ports up, for tests.
    """

    folder: Path
    nodes: Sequence[str]
    certificate: Path
    key: Path
    kits_port: int = 8883
    collector_port: int = 1884
    rpc_port: int = 5363
    raft_port: int = 6003
    logins: str = "127.0.0.1:9090"
    connections: int = 50_000


@dataclass(frozen=True)
class Node:
    """One node's number, from 1 on, its folder, address and ports."""

    number: int
    folder: Path
    host: str
    kits_port: int
    collector_port: int
    rpc_port: int
    raft_port: int


def nodes(setup: Setup) -> list[Node]:
    """The nodes with their ports; SettingError if they cannot be a cluster."""
    if len(setup.nodes) < 3 or len(setup.nodes) % 2 == 0:
        raise SettingError(
            f"{len(setup.nodes)} nodes are no cluster: a majority must live, so it takes 3, 5 or 7.",
            "Name each with --node ADDRESS.",
        )
    made, seen = [], Counter[str]()
    for number, host in enumerate(setup.nodes, 1):
        try:
            address = ipaddress.ip_address(host)
        except ValueError as error:
            raise SettingError(f"{host!r} is no address.", "RMQTT wants numbers, such as --node 10.0.0.1.") from error
        if address.is_global:
            raise SettingError(
                f"{host} is an address of the open internet; nodes talk to each other without any protection.",
                "Give them a private network, such as WireGuard, and name their addresses there.",
            )
        more = seen[host]
        seen[host] += 1
        ports = (setup.kits_port, setup.collector_port, setup.rpc_port, setup.raft_port)
        made.append(Node(number, setup.folder / f"node-{number}", host, *(port + more for port in ports)))
    return made


def files(setup: Setup) -> dict[str, str]:
    """The texts of all files by their path below the folder."""
    made = nodes(setup)
    texts = {README: _readme(setup, made)}
    for node in made:
        for name, text in {CONFIG: _config(setup, node), **_plugins(setup, node, made)}.items():
            texts[f"{node.folder.name}/{name}"] = text
    return texts


def _listener(kind: str, name: str, **values: object) -> str:
    lines = [f"[listener.{kind}.{name}]"]
    for key, value in values.items():
        shown = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
        lines.append(f"{key} = {shown}")
    return "\n".join(lines) + "\n"


def _config(setup: Setup, node: Node) -> str:
    # A message is 8 KiB at most. Sessions are clean: what a node cannot keep, kits send again.
    common: dict[str, object] = {
        "allow_anonymous": False, "max_packet_size": f"{MAX_PACKET}B", "max_qos_allowed": 1, "nodelay": True,
        "max_topic_aliases": 0, "max_clientid_len": 64, "message_expiry_interval": "5m",
    }  # fmt: skip
    kits = _listener(
        "tls", "kits", addr=f"0.0.0.0:{node.kits_port}", cert=str(setup.certificate), key=str(setup.key), **common,
        max_connections=setup.connections, handshake_timeout="15s", max_keepalive=KEEPALIVE_MAX,
        allow_zero_keepalive=False, max_inflight=64, max_mqueue_len=1000, max_subscriptions=8,
        session_expiry_interval="1m", max_session_expiry_interval="1m",
    )  # fmt: skip
    collectors = _listener(
        "tcp", "collectors", addr=f"127.0.0.1:{node.collector_port}", **common, max_connections=64, max_inflight=2000,
        max_mqueue_len=100_000, session_expiry_interval="1m", max_session_expiry_interval="1m",
    )  # fmt: skip
    return f"""# Written by `citimeasure broker config rmqtt`; changes are lost when it is written again.
[node]
id = {node.number}

[rpc]
server_addr = "{node.host}:{node.rpc_port}"
reuseaddr = true

[log]
to = "console"
level = "warn"

[plugins]
dir = "{node.folder / "plugins"}"
default_startups = [
    "rmqtt-acl", "rmqtt-auth-http", "rmqtt-retainer", "rmqtt-shared-subscription", "rmqtt-cluster-raft",
]
disabled_default_startups = ["rmqtt-http-api", "rmqtt-counter"]

# Kits: TLS, on every address, and each as itself only.
{kits}
# The collector and its commands, on this machine.
{collectors}"""


def _plugins(setup: Setup, node: Node, made: Sequence[Node]) -> dict[str, str]:
    rpc = ", ".join(f'"{one.number}@{one.host}:{one.rpc_port}"' for one in made)
    raft = ", ".join(f'"{one.number}@{one.host}:{one.raft_port}"' for one in made)
    texts = {
        # Node 1 makes the cluster if there is none; otherwise it joins, like the others.
        "cluster-raft": f"""node_grpc_addrs = [{rpc}]
raft_peer_addrs = [{raft}]
laddr = "{node.host}:{node.raft_port}"
leader_id = 1
# Or a node that crashed could not listen again for a minute.
raft.grpc_reuseaddr = true
# A login takes several steps, and each waits so long for others that could go with it.
raft.proposal_batch_timeout = "20ms"
""",
        "auth-http": f"""# No answer is a no. Rights come with the answer, so publishing asks nothing.
http_timeout = "5s"
deny_if_error = true
disconnect_if_pub_rejected = false
disconnect_if_expiry = true
http_auth_req.url = "http://{setup.logins}{PATH}"
http_auth_req.method = "post"
http_auth_req.headers.content-type = "application/x-www-form-urlencoded"
http_auth_req.params = {{ clientid = "%c", username = "%u", password = "%P" }}
""",
        "acl": """# The last word: what a login does not allow, nobody may.
disconnect_if_pub_rejected = false
rules = [["deny", "all"]]
""",
        "retainer": """storage.type = "ram"
max_retained_messages = 0
max_payload_size = "64K"
retained_message_ttl = "0m"
""",
        "shared-subscription": 'strategy = "round_robin"\n',
    }
    return {f"plugins/rmqtt-{name}.toml": text for name, text in texts.items()}


def _readme(setup: Setup, made: Sequence[Node]) -> str:
    rows = "\n".join(f"| {n.number} | {n.host} | {n.kits_port} | {n.rpc_port} | {n.raft_port} |" for n in made)
    return f"""# A cluster of RMQTT for citimeasure
Written by `citimeasure broker config rmqtt`.

| node | address | kits, TLS | between nodes | between nodes |
|---|---|---|---|---|
{rows}

1. Copy this folder to each machine, to the same place, with the certificate {setup.certificate} and its key.
2. Only nodes may reach the ports between nodes. What is said there is neither secret nor signed.
3. On each machine: `citimeasure broker logins --listen {setup.logins}`, with `citimeasure.toml` as in 5.
4. On each machine, node 1 first: `rmqttd -f {setup.folder}/node-N/{CONFIG}`. Let a service start it again when it ends.
5. Tell the collector on each machine, in `citimeasure.toml`:

       broker = "mqtt://127.0.0.1:{setup.collector_port}"
       broker_group = "{GROUP}"
       broker_username = "{COLLECTOR}"
       broker_password_file = "{setup.folder / SECRET}"

6. Kits need one name for all nodes and the root certificate.

RMQTT 0.24.0 publishes last wills without asking for rights: any kit could write as another. Build it with
`tests/parts/rmqtt.sh`, which mends that, until a version of RMQTT does.
"""
