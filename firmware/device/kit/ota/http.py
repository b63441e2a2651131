# SPDX-License-Identifier: EUPL-1.2
"""As much of HTTP/1.1 as a download needs: GET with a range, an answer of known length, bounded memory.

`open_(host, port, tls)` is a coroutine that returns (reader, writer); who gives it decides on certificates.
OSError is for what may be better next time, Refused for what will not. Reference: RFC 9110, RFC 9112.
"""

import asyncio

from kit.ota.verify import Refused

_WAIT_S = const(30)
_MAX_LINES = const(64)


class Address:
    """The folder of a release: http(s)://host[:port]/path/"""

    def __init__(self, url):
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        self.host, _, port = host.partition(":")
        self.tls = scheme == "https"
        self.path = slash + path
        if not self.path.endswith("/"):
            self.path += "/"
        # Nothing that could end the line of a request, or hide who is asked.
        sound = scheme in ("http", "https") and self.host and len(url) <= 512
        if not sound or any(not "!" <= c <= "~" or c in "@#?\\" for c in url) or not (port or "1").isdigit():
            raise Refused("address: " + url[:40])
        self.port = int(port) if port else 443 if self.tls else 80


class Download:
    """One answer. `length` is how many bytes `read` will give in all."""

    def __init__(self):
        self._buffer = memoryview(bytearray(1024))
        self._at = self._n = 0
        self._reader = self._writer = None
        self.length = 0

    async def open(self, open_, address, name, start=0):
        """Asks for a file from its byte `start` on."""
        self._reader, self._writer = await asyncio.wait_for(open_(address.host, address.port, address.tls), _WAIT_S)
        request = "GET %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n" % (address.path, name, address.host)
        if start:
            request += "Range: bytes=%d-\r\n" % start
        self._writer.write((request + "\r\n").encode())
        await asyncio.wait_for(self._writer.drain(), _WAIT_S)
        status, length, beginning = await self._head()
        if status >= 500 or status in (408, 429):
            raise OSError("http: %d for %s" % (status, name))
        if status not in (200, 206) or length is None or (status == 206 and beginning != start):
            raise Refused("http: %d for %s" % (status, name) if status != 200 else "no_length: " + name)
        self.length = length
        if status == 200 and start:  # a server that knows no ranges
            if start > length:
                raise Refused("cut_short: " + name)
            skipped = memoryview(bytearray(256))
            while start:
                start -= await self.read(skipped[: min(256, start)])

    async def _head(self):
        line = await self._line()
        words = line.split()
        if not line.startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():
            raise OSError("no_http")
        length = beginning = None
        for _ in range(_MAX_LINES):
            line = await self._line()
            if not line:
                return int(words[1]), length, beginning
            key, _, value = line.partition(":")
            key, value = key.lower(), value.strip()
            if key == "content-length" and value.isdigit() and len(value) < 9:
                length = int(value)
            elif key == "content-range" and value.startswith("bytes "):
                first = value[6:].partition("-")[0]
                beginning = int(first) if first.isdigit() else None
        raise OSError("no_http")

    async def _line(self):
        line = bytearray()
        while True:
            if self._at == self._n:
                await self._fill()
            byte = self._buffer[self._at]
            self._at += 1
            if byte == 10:
                # Bytes that are no ASCII stand in no header that matters here.
                return "".join([chr(c) for c in line if c < 128]).strip()
            if len(line) < 200:
                line.append(byte)

    async def _fill(self):
        self._at = self._n = 0
        n = None
        while n is None:  # TLS has read something that was for itself, as a session's ticket
            n = await asyncio.wait_for(self._reader.readinto(self._buffer), _WAIT_S)
        if not n:
            raise OSError("cut_off")
        self._n = n

    async def read(self, into):
        """Fills as much of a buffer as there is at once, at least a byte; returns how much. 0 at the end."""
        if not self.length:
            return 0
        if self._at == self._n:
            await self._fill()
        n = min(len(into), self._n - self._at, self.length)
        into[:n] = self._buffer[self._at : self._at + n]
        self._at += n
        self.length -= n
        return n

    def close(self):
        """Lets go of the connection; may be called twice."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
