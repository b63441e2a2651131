# SPDX-License-Identifier: EUPL-1.2
"""A file from an address, over lines that break: goes on where it was cut, tries again, and gives up in plain words.

Whether the bytes are the right ones is for the caller to say: `runtime.py` compares their SHA-256.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from firmware.errors import ToolError

_TRIES = 5
_WAIT_S = 60
_PIECE = 64 * 1024  # bytes
_NOT_THAT_LONG = 416  # "Range Not Satisfiable"
_WORTH_ANOTHER_TRY = (408, 429, 500, 502, 503, 504)


def download(
    address: str, most: int, report: Callable[[int], None] = lambda _: None, pause: Callable[[float], None] = time.sleep
) -> bytes:
    """All bytes of a file, of which there are at most `most`; `report` is told how many have come."""
    have = bytearray()
    for n in range(_TRIES):
        if n:
            pause(2**n)
        try:
            if _go_on(address, have, most, report):
                return bytes(have)
            cause = "it was cut off again and again"
        except urllib.error.HTTPError as error:
            cause = str(error)
            if error.code == _NOT_THAT_LONG:
                have.clear()  # another file lies there than the one that was begun
            elif error.code not in _WORTH_ANOTHER_TRY:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = str(error) or type(error).__name__
    raise ToolError(f"{address} cannot be had: {cause}.", "Try again, or download it by other means and name the file.")


def _go_on(address: str, have: bytearray, most: int, report: Callable[[int], None]) -> bool:
    """One more try, behind the bytes that are here; whether the file is whole then."""
    headers = {"Range": f"bytes={len(have)}-"} if have else {}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_WAIT_S) as answer:
        if address.startswith("https:") and not answer.url.startswith("https:"):
            raise ToolError(f"{address} leads to {answer.url}, without TLS.", "Nobody could say whose file that is.")
        if not (answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {len(have)}-")):
            have.clear()  # a server that begins anew,
            if answer.status == 206:
                return False  # or gives another part than the one that was asked for
        length = answer.headers.get("Content-Length")
        end = len(have) + int(length) if length is not None else None
        if end is not None and end > most:
            raise ToolError(f"{address} has {end} bytes, more than any image of MicroPython.", "Check the address.")
        while piece := answer.read(_PIECE):
            have += piece
            report(len(have))
            if len(have) > most:
                raise ToolError(f"{address} has more than {most} bytes.", "Check the address.")
    return end is None or len(have) == end
