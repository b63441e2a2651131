# SPDX-License-Identifier: EUPL-1.2
"""Passwords of kits and of the collector, and the hashes that are kept of them.

The registry keeps hashes, the embedded broker verifies them, and mosquitto reads the same text from its password file:
`$7$<iterations>$<salt>$<hash>`, PBKDF2-HMAC-SHA512. Nothing here logs or raises with a password in its text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

COLLECTOR = "collector"  # the name of the collector's own account: no kit may have it

# Without letters and digits that look alike: a person may have to type it. 26 of 31 are 128 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 26
# Guessing 128 random bits is hopeless at any cost of a guess. More iterations would only let a crowd of kits that
# comes back after a power cut hold up mosquitto, which verifies in its one thread: 0.5 ms each at 1000.
ITERATIONS = 1000
_SALT = 12  # bytes; mosquitto 2.0 reads no other length
_HASH = 64  # bytes
_LONGEST = 128  # characters of a password that are worth a hash


def new_secret() -> str:
    """A random password or token."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_password(password: str) -> str:
    """What may be kept of a password."""
    salt = secrets.token_bytes(_SALT)
    return "$".join(("", "7", str(ITERATIONS), _text(salt), _text(_derive(password, salt, ITERATIONS))))


def verify_password(password: str, kept: str) -> bool:
    """Whether a password is the one that was hashed; False for a hash that cannot be read.

    >>> verify_password("right", hash_password("right"))
    True
    >>> verify_password("wrong", hash_password("right"))
    False
    """
    parts = kept.split("$")
    if len(parts) != 5 or parts[1] != "7" or len(password) > _LONGEST:
        return False
    try:
        salt, hashed = (base64.b64decode(part, validate=True) for part in parts[3:])
        return hmac.compare_digest(_derive(password, salt, int(parts[2])), hashed)
    except (ValueError, binascii.Error):
        return False


def hash_token(token: str) -> str:
    """What may be kept of a token. It is looked up by this, so it has no salt; 128 random bits need none."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


def _derive(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _HASH)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
