# SPDX-License-Identifier: EUPL-1.2
"""Certificates for a broker: a private root that kits trust, a server's certificate, and how long one is still good.

`citimeasure broker certs` makes them with the openssl program; the link and `citimeasure doctor` look at how long the
broker's is good. Keys are on the curve P-256, which an ESP32 checks in a fraction of a second (RFC 5480).
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from collector.errors import SettingError

ROOT, ROOT_KEY, SERVER, SERVER_KEY = "root.crt", "root.key", "server.crt", "server.key"
ROOT_DAYS = 3650
SERVER_DAYS = 397
WARN_DAYS = 30

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


def make(folder: Path, names: Sequence[str]) -> list[Path]:
    """Makes what is not there: a root with its key, and with that a server's certificate for host names or addresses.

    A root that is there is used again, so kits need no new one; the server's certificate is always made anew. Returns
    the files that were written. SettingError if a name is none, or openssl cannot do it.
    """
    alternatives = ",".join(_alternative(name) for name in names)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    root, root_key = folder / ROOT, folder / ROOT_KEY
    if root.exists() != root_key.exists():
        missing = root_key if root.exists() else root
        raise SettingError(f"{missing} is missing.", "Put it back, or choose a new folder and give kits a new root.")
    if not root.exists():
        _key(root_key)
        _openssl(
            "req", "-x509", "-new", "-key", root_key, "-sha256", "-days", ROOT_DAYS, "-subj", "/CN=citimeasure root",
            "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", root,
        )  # fmt: skip
        written += [root, root_key]
    key, server = folder / SERVER_KEY, folder / SERVER
    with tempfile.TemporaryDirectory() as temporary:
        new_key, request, extensions, new = (Path(temporary) / name for name in ("key", "request", "extensions", "new"))
        _key(new_key)
        _openssl("req", "-new", "-key", new_key, "-subj", f"/CN={names[0]}", "-out", request)
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        _openssl(
            "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-CAcreateserial", "-sha256",
            "-days", SERVER_DAYS, "-extfile", extensions, "-out", new,
        )  # fmt: skip
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        key.write_bytes(new_key.read_bytes())
        server.write_bytes(new.read_bytes())
    return [*written, server, key]


def check(certificate: Path, key: Path) -> float:
    """How many days a server's own files are good; SettingError if they do not belong together or are no such files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except OSError as error:
        raise SettingError(
            f"{certificate} and {key} are no certificate with its key: {error}.",
            "Name files in PEM, without passphrase.",
        ) from error
    return days_left(good_until(certificate))


def good_until(certificate: str | Path) -> str:
    """The end of a certificate's time, as certificates write it; SettingError if the file holds none."""
    return _openssl("x509", "-in", certificate, "-noout", "-enddate").strip().partition("=")[2]


def days_left(not_after: str, now: float | None = None) -> float:
    """Days until a moment as certificates write it, "Nov 23 12:00:00 2026 GMT"; less than 0 if it has passed."""
    return (ssl.cert_time_to_seconds(not_after) - (time.time() if now is None else now)) / 86_400


def warning(not_after: str, whose: str, now: float | None = None) -> str:
    """What is to be said of a certificate that ends soon; nothing while it is good for long."""
    days = days_left(not_after, now)
    if days > WARN_DAYS:
        return ""
    return f"The certificate of {whose} is good for {days:.0f} days only. `citimeasure broker certs` makes a new one."


def _alternative(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        if not _NAME.fullmatch(name):
            raise SettingError(
                f"{name!r} is no host name.", "Name the broker as kits will: --name mqtt.city.example"
            ) from None
        return f"DNS:{name}"


def _key(path: Path) -> None:
    path.touch(mode=0o600)
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _openssl(*arguments: object) -> str:
    try:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SettingError("The program openssl is not here.", "Install the package openssl.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SettingError(f"openssl {arguments[0]} failed: {said}.", "Check the folder and the names.")
    return done.stdout
