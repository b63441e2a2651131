# SPDX-License-Identifier: EUPL-1.2
"""Passwords and tokens: only hashes are kept, each holds as long as it should, and mosquitto reads the hashes."""

import socket
import struct

import pytest

from collector.credentials import hash_password, verify_password
from collector.errors import DataError, NothingFound
from collector.registry import Registry
from collector.registry.identity import Identity
from collector.registry.roster import Roster
from tests import parts

KIT = "kit-a1b2c3"


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with Registry(url) as registry:
        if KIT not in registry.known_devices():
            registry.add_device("kit-1", KIT)
        yield registry


@pytest.fixture
def now():
    return [1_800_000_000.0]


@pytest.fixture
def identity(registry, now):
    return Identity(registry, lambda: now[0])


def holds(identity, password):
    account = identity.accounts().get(KIT)
    return account is not None and any(verify_password(password, one) for one in account.hashes)


def test_a_new_password_ends_the_old_one_at_once_or_after_the_grace(identity, now):
    first = identity.set_password(KIT)
    second = identity.set_password(KIT)
    assert not holds(identity, first) and holds(identity, second)
    third = identity.set_password(KIT, grace=60)
    assert holds(identity, second) and holds(identity, third)
    now[0] += 61
    assert not holds(identity, second) and holds(identity, third)


def test_who_is_locked_out_has_neither_password_nor_token(identity):
    password, token = identity.set_password(KIT), identity.new_token(KIT, 60)
    identity.revoke(KIT)
    assert not holds(identity, password) and KIT in identity.revoked()
    with pytest.raises(NothingFound):
        identity.redeem(token)
    assert holds(identity, identity.set_password(KIT)) and KIT not in identity.revoked()


def test_a_token_is_good_once_in_time_and_for_its_kit(identity, now):
    token = identity.new_token(KIT, 60)
    with pytest.raises(NothingFound):
        identity.redeem(token, "kit-other-1")
    device, password = identity.redeem(token)
    assert device == KIT and holds(identity, password)
    late = identity.new_token(KIT, 60)
    now[0] += 61
    for used in (token, late, "", "guess"):
        with pytest.raises(NothingFound):
            identity.redeem(used)


def test_the_stamp_is_another_one_after_each_change_of_who_may_log_in(identity, registry, now):
    seen = [identity.stamp()]

    def changed():
        seen.append(identity.stamp())
        return seen[-1] not in seen[:-1] and seen[-1] == identity.stamp()

    identity.set_password(KIT)
    assert changed()
    identity.set_password(KIT, grace=60)
    assert changed()
    now[0] += 1
    identity.set_password(KIT)
    assert changed()
    identity.revoke(KIT)
    assert changed()
    identity.set_password(KIT)
    assert changed()


def test_no_kit_is_called_like_the_collector(registry):
    with pytest.raises(DataError):
        registry.add_device("kit-1", "collector")


def test_the_registry_s_file_holds_no_secret(tmp_path):
    with Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}") as registry:
        registry.add_device("kit-1", KIT)
        secrets = [registry.identity.set_password(KIT), registry.identity.new_token(KIT, 60)]
    for path in tmp_path.iterdir():
        assert not any(one.encode() in path.read_bytes() for one in secrets), path


def test_mosquitto_reads_the_hashes(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text(f"{KIT}:{hash_password('right')}\n")
    passwords.chmod(0o600)
    with parts.mosquitto(["allow_anonymous false", f"password_file {passwords}"]) as server:
        for password, code in (("right", 0), ("wrong", 5)):
            body = b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c"
            body += b"".join(struct.pack("!H", len(one)) + one for one in (KIT.encode(), password.encode()))
            with socket.create_connection((server.host, server.port), timeout=10) as sock:
                sock.sendall(bytes([0x10, len(body)]) + body)
                assert sock.recv(4)[3] == code


def test_the_roster_shows_who_is_there_and_who_is_locked_out_as_soon_as_that_changes(registry):
    roster = Roster(registry, clock=lambda: 0.0)
    before = roster.known()
    one, two = registry.add_device("kit-1").id, registry.add_device("kit-1").id
    assert roster.known() - before == {one, two}
    registry.identity.revoke(one)
    assert one in roster.locked_out()
    registry.identity.set_password(one)
    assert one not in roster.locked_out()


def test_the_roster_is_read_whole_only_when_it_changed_or_is_a_minute_old(registry, monkeypatch):
    now, reads = [0.0], []
    roster = Roster(registry, clock=lambda: now[0])
    read = registry.known_devices
    monkeypatch.setattr(Registry, "known_devices", lambda _: reads.append(1) or read())
    for _ in range(10):
        roster.known()
    assert len(reads) == 1
    now[0] = 61.0
    roster.known()
    registry.add_device("kit-1")
    roster.known()
    assert len(reads) == 3
