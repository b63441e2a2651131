# SPDX-License-Identifier: EUPL-1.2
"""The kit's connection is checked: right certificates only, by either of two roots; a refusal has a word of its own."""

import datetime
import subprocess

import pytest
import trustme

from tests import parts
from tests.firmware import board

KIT = """
import asyncio, sys
from kit.core.app import App
from kit.core.config import defaults
host, port, folder, roots, password = sys.argv[1:6]
async def main():
    app = App(defaults(device="kit-tls", host=host, port=int(port), tls=roots != "-", mqtt_password=password), [],
              folder, roots=roots)
    task = asyncio.create_task(app.uplink.run())
    for _ in range(100):
        await asyncio.sleep_ms(100)
        if app.uplink.online or app.uplink.counts["errors"]:
            break
    print(app.state.get("link"), app.uplink.online)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def city():
    """The certificate authority of a city, and one of somebody else."""
    return trustme.CA(), trustme.CA()


def roots(folder, *authorities, binary=False):
    """A folder of root certificates, as on the kit's flash."""
    folder.mkdir()
    for n, authority in enumerate(authorities):
        pem = authority.cert_pem
        if binary:
            command = ["openssl", "x509", "-outform", "der"]
            der = subprocess.run(command, input=pem.bytes(), capture_output=True, check=True).stdout
            (folder / f"root{n}.der").write_bytes(der)
        else:
            pem.write_to_path(folder / f"root{n}.pem")
    return folder


def connect(tmp_path, certificate, trusted, host="localhost", password=""):
    """What a kit says of a broker with that certificate: (word, whether it is connected)."""
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    with parts.mosquitto([f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem"]) as broker:
        told = board.run(KIT, host, broker.port, tmp_path / "flash", trusted, password, heap="64k")
    word, online = told.splitlines()[-1].split()
    return word, online == "True"


@pytest.mark.parametrize("binary", [False, True])
def test_either_of_two_roots_is_enough(tmp_path, city, binary):
    ours, other = city
    trusted = roots(tmp_path / "roots", other, ours, binary=binary)
    assert connect(tmp_path, ours.issue_cert("localhost"), trusted) == ("ok", True)


def test_a_certificate_of_somebody_else_is_refused(tmp_path, city):
    ours, other = city
    assert connect(tmp_path, other.issue_cert("localhost"), roots(tmp_path / "roots", ours)) == ("certificate", False)


def test_a_certificate_for_another_name_is_refused(tmp_path, city):
    trusted = roots(tmp_path / "roots", city[0])
    assert connect(tmp_path, city[0].issue_cert("elsewhere.example"), trusted) == ("certificate", False)


def test_an_expired_certificate_is_refused(tmp_path, city):
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    old = city[0].issue_cert("localhost", not_before=yesterday - datetime.timedelta(days=9), not_after=yesterday)
    assert connect(tmp_path, old, roots(tmp_path / "roots", city[0])) == ("certificate", False)


@pytest.mark.parametrize("what", ["none", "damaged"])
def test_without_a_root_there_is_no_connection(tmp_path, city, what):
    trusted = roots(tmp_path / "roots")
    if what == "damaged":
        (trusted / "root.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n")
    assert connect(tmp_path, city[0].issue_cert("localhost"), trusted) == ("no_root", False)


def test_a_broker_that_refuses_the_password_is_named(tmp_path):
    (tmp_path / "passwords").write_text("")
    with parts.mosquitto([f"password_file {tmp_path}/passwords", "allow_anonymous false"]) as broker:
        told = board.run(KIT, broker.host, broker.port, tmp_path / "flash", "-", "wrong")
    assert told.splitlines()[-1].split() == ["broker_refused", "False"]


def test_a_broker_that_is_away_is_named(tmp_path):
    told = board.run(KIT, "127.0.0.1", parts.free_port(), tmp_path / "flash", "-", "")
    assert told.splitlines()[-1].split() == ["broker_away", "False"]
