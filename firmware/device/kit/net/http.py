# SPDX-License-Identifier: EUPL-1.2
"""As much of HTTP as the kit's own pages need: one small request at a time, bounded in size and time."""

_MAX_LINE = const(512)
_MAX_LINES = const(40)
_MAX_BODY = const(2048)
_CHUNK = const(256)
_WORDS = {200: "OK", 204: "No Content", 302: "Found", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


class Bad(Exception):
    """A request that is not one, or is too large."""


class Request:
    """`headers` has the names in small letters that the kit asks for; `body` is bytes."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


async def read_request(reader):
    """One request; Bad if it is none."""
    first = await _line(reader)
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1") or not parts[1].startswith("/"):
        raise Bad("no request line")
    headers = {}
    for _ in range(_MAX_LINES):
        line = await _line(reader)
        if not line:
            break
        name, _, value = line.partition(":")
        name = name.lower()
        if name in ("host", "content-length"):
            headers[name] = value.strip()
    else:
        raise Bad("too many lines")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > _MAX_BODY:
        raise Bad("the body is too long")
    body = await reader.readexactly(int(length)) if int(length) else b""
    return Request(parts[0], parts[1].split("?")[0], headers, body)


async def _line(reader):
    line = await reader.readline()
    if not line.endswith(b"\n") or len(line) > _MAX_LINE:
        raise Bad("a line that does not end")
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeError:
        raise Bad("not text")


async def answer(writer, code, body=b"", kind="application/json", location=""):
    """A whole answer; `body` is bytes or a list of them, or the path of a file, which goes out in pieces."""
    head = "HTTP/1.1 %d %s\r\nConnection: close\r\nCache-Control: no-store\r\n" % (code, _WORDS[code])
    if location:
        head += "Location: %s\r\n" % location
    if isinstance(body, bytes):
        body = [body]
    if isinstance(body, list):
        head += "Content-Length: %d\r\n" % sum([len(piece) for piece in body])
    writer.write((head + "Content-Type: %s\r\n\r\n" % kind).encode())
    if isinstance(body, list):
        for piece in body:
            writer.write(piece)
            await writer.drain()
    else:
        with open(body, "rb") as file:
            while True:
                piece = file.read(_CHUNK)
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
    await writer.drain()


async def serve(reader, writer, handle):
    """Answers one request by `handle(request, writer, peer)`; `peer` is the asker's address, "" where nobody knows."""
    try:
        request = await read_request(reader)
    except Bad as error:
        await answer(writer, 400, str(error).encode(), "text/plain")
        return
    peer = writer.get_extra_info("peername")
    await handle(request, writer, peer[0] if isinstance(peer, tuple) else "")
