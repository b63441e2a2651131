# SPDX-License-Identifier: EUPL-1.2
"""A whole set-up for mosquitto: its configuration, passwords and rights, from the registry's accounts.

`citimeasure broker config mosquitto` writes it. Kits come over TLS with their id as user name and client id, and may
use their own topics only; the collector has a listener of its own, on this machine. The same rights hold at the
embedded broker (`collector/ingest/rules.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.credentials import COLLECTOR, hash_password, verify_password
from collector.ingest.rules import COLLECTOR_READS, COLLECTOR_WRITES, KIT_READS, KIT_WRITES, MAX_PACKET, PREFIX
from collector.registry import Account

CONFIG, PASSWORDS, RIGHTS, README = "mosquitto.conf", "passwords", "rights", "README.md"
SECRET = "collector.password"


@dataclass(frozen=True)
class Setup:
    """What a city may choose. Paths are written as they are given; mosquitto needs absolute ones."""

    folder: Path
    certificate: Path
    key: Path
    data: Path
    kits_port: int = 8883
    collector_port: int = 1884
    connections: int = 20_000


def files(setup: Setup, accounts: Mapping[str, Account], secret: str, passwords_now: str = "") -> dict[str, str]:
    """The texts of all files by name. Lines of `passwords_now` that still hold are kept, so nothing changes in vain."""
    return {
        CONFIG: _config(setup),
        PASSWORDS: _passwords(accounts, secret, passwords_now),
        RIGHTS: _rights(),
        README: _readme(setup),
    }


def _config(setup: Setup) -> str:
    return f"""# Written by `citimeasure broker config mosquitto`; changes are lost when it is written again.
per_listener_settings false
allow_anonymous false
password_file {setup.folder / PASSWORDS}
acl_file {setup.folder / RIGHTS}

# Kits: TLS, and each as itself only. Nobody can throw a kit off by taking its client id.
listener {setup.kits_port}
certfile {setup.certificate}
keyfile {setup.key}
tls_version tlsv1.2
use_username_as_clientid true
max_connections {setup.connections}

# The collector and its commands, on this machine. They share a name, so it must not be the client id.
listener {setup.collector_port} 127.0.0.1
max_connections 64

# A message is 8 KiB at most. What waits for a collector that is away is bounded: kits send again what was dropped.
max_packet_size {MAX_PACKET}
max_inflight_messages 2000
max_queued_messages 100000
max_queued_bytes 268435456
set_tcp_nodelay true

# So that what was sent to kits stays there (commands, health) when mosquitto is started again.
persistence true
persistence_location {setup.data}/
autosave_interval 300

# No addresses of kits in the log.
connection_messages false
log_type error
log_type warning
log_type notice
"""


def _rights() -> str:
    lines = ["# Who may do what. %u is the user name: the id of the kit.", f"user {COLLECTOR}"]
    lines += [f"topic read {PREFIX}/+/{name}" for name in COLLECTOR_READS]
    lines += [f"topic write {PREFIX}/+/{name}" for name in COLLECTOR_WRITES]
    lines += ["", *(f"pattern write {PREFIX}/%u/{name}" for name in KIT_WRITES)]
    lines += [f"pattern read {PREFIX}/%u/{name}" for name in KIT_READS]
    return "\n".join(lines) + "\n"


def _passwords(accounts: Mapping[str, Account], secret: str, now: str) -> str:
    """One line for each name: mosquitto knows one password of a name, the newest."""
    kept = next((line.partition(":")[2] for line in now.splitlines() if line.startswith(f"{COLLECTOR}:")), "")
    collector = kept if verify_password(secret, kept) else hash_password(secret)
    lines = [f"{COLLECTOR}:{collector}"]
    lines += [f"{device}:{accounts[device].hashes[0]}" for device in sorted(accounts)]
    return "\n".join(lines) + "\n"


def _readme(setup: Setup) -> str:
    return f"""# mosquitto for citimeasure
Written by `citimeasure broker config mosquitto`. Write it again after `citimeasure device add`, `rotate` or `revoke`;
with `--reload PIDFILE` mosquitto reads it at once.

1. Let mosquitto own what it reads: `chown -R mosquitto {setup.folder} {setup.data}`
2. Start it: `mosquitto -c {setup.folder / CONFIG}`
3. Tell the collector, in `citimeasure.toml`:

       broker = "mqtt://127.0.0.1:{setup.collector_port}"
       broker_username = "{COLLECTOR}"
       broker_password_file = "{setup.folder / SECRET}"

4. Kits need the address of this machine, port {setup.kits_port}, and the root certificate.

| file | what it is |
|---|---|
| {CONFIG} | listeners, limits, persistence |
| {PASSWORDS} | a salted hash for each kit, and the collector's |
| {RIGHTS} | own topics only |
| {SECRET} | the collector's password; keep it to yourself |
"""
