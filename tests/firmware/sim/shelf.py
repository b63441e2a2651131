# SPDX-License-Identifier: EUPL-1.2
"""A web server in memory that serves the files of a folder, or serves them badly. MicroPython.

`open` takes the place of `asyncio.open_connection`. `limit` is after how many bytes of all answers the line dies;
`piece` how many bytes a read gives at most, after `dawdle` seconds; `ranges` whether it knows them; `change` is asked
about each body.
"""

import asyncio


class Shelf:
    def __init__(self, files, limit=None, piece=700, ranges=True, change=None, dawdle=0):
        self.files, self.limit, self.piece, self.ranges = files, limit, piece, ranges
        self.change = change or (lambda name, body: body)
        self.asked, self.dawdle = [], dawdle

    async def open(self, host, port, tls=None):
        line = _Line(self)
        return line, line


class _Line:
    def __init__(self, shelf):
        self._shelf, self._request, self._answer = shelf, b"", None

    def write(self, data):
        self._request += data

    async def drain(self):
        if self._request.endswith(b"\r\n\r\n"):
            self._answer = self._serve(self._request.decode())

    def _serve(self, request):
        head, *lines = request.strip().split("\r\n")
        name = head.split()[1].rsplit("/", 1)[1]
        start = 0
        for line in lines:
            if line.startswith("Range: bytes="):
                start = int(line[13:-1])
        self._shelf.asked.append((name, start))
        body = self._shelf.files(name)
        if body is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        length = len(body)
        body = self._shelf.change(name, body)
        if start and self._shelf.ranges:
            text = "HTTP/1.1 206 Partial\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
            return (text % (length - start, start, length - 1, length)).encode() + body[start:]
        return b"HTTP/1.1 200 OK\r\nServer: shelf\r\ncontent-length: %d\r\n\r\n" % length + body

    async def readinto(self, into):
        if self._shelf.dawdle:
            await asyncio.sleep(self._shelf.dawdle)
        n = min(len(into), self._shelf.piece, len(self._answer))
        if self._shelf.limit is not None:
            n = min(n, self._shelf.limit)
            self._shelf.limit -= n
        into[:n] = self._answer[:n]
        self._answer = self._answer[n:]
        return n

    def close(self):
        pass
