# SPDX-License-Identifier: EUPL-1.2
"""Problems: what cannot be answered, as RFC 9457 wants it, with a sentence that helps.

Errors of the engine and parameters that FastAPI refuses come in, `application/problem+json` goes out. A fault of the
program says nothing of its inside; that is in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from collector.errors import CitimeasureError, DataError, NetworkError, NothingFound, Refused, UsageError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_NAMESPACE = "urn:citimeasure:problem:"

# name: (status, what it means). The reference shows this table.
KINDS: dict[str, tuple[int, str]] = {
    "parameter": (422, "A parameter is missing, unknown, or not what it should be."),
    "too-much": (422, "The question is sound, but its answer would be too large; ask for it in parts."),
    "not-found": (404, "There is no such page, device, station, project, record, or series."),
    "method": (405, "The page cannot be used with this method; `Allow` names those it can."),
    "form": (406, "The answer cannot be had in a form that `Accept` names."),
    "refused": (403, "Privacy, or the soundness of the values, forbids it."),
    "busy": (503, "Too many questions wait already; ask again after `Retry-After` seconds."),
    "time": (503, "The answer took too long; ask for a shorter period."),
    "away": (503, "The store or the registry does not answer; ask again after `Retry-After` seconds."),
    "fault": (500, "A fault of the program. Please report it."),
}
_BY_ERROR: tuple[tuple[type[CitimeasureError], str], ...] = (
    (NothingFound, "not-found"),
    (UsageError, "parameter"),
    (DataError, "parameter"),
    (Refused, "refused"),
    (NetworkError, "away"),
)
_BY_STATUS = {404: "not-found", 405: "method"}
_OF_A_SHELL = re.compile(r"[^.]*`citimeasure [^.]*\.?|\$ .*")
_OPTION = re.compile(r"--([a-z][a-z-]*)")


class Problem(Exception):
    """What the API itself refuses: a kind of the table, what happened, and what to do."""

    def __init__(self, kind: str, detail: str, hint: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.hint, self.retry_after = kind, detail, hint, retry_after

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """As it leaves."""
        status, _ = KINDS[self.kind]
        said = {
            "type": _NAMESPACE + self.kind,
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": self.detail,
        }
        if self.hint:
            said["hint"] = self.hint
        more = {"Cache-Control": "no-store", **(headers or {})}
        if self.retry_after is not None:
            more["Retry-After"] = str(max(1, round(self.retry_after)))
        return Response(msgspec.json.encode(said), status, more, MEDIA_TYPE)


def of_error(error: CitimeasureError) -> Problem:
    """The problem that an error of the engine is."""
    for kind, name in _BY_ERROR:
        if isinstance(error, kind):
            after = getattr(error, "retry_after", None) or (5.0 if name == "away" else None)
            # What is away, and where, is for those who run the server.
            detail = "The store or the registry does not answer just now." if name == "away" else str(error)
            hint = "Ask again in a few seconds." if name == "away" else in_words_of_the_api(error.hint)
            if name == "away":
                log.warning("api: %s %s", error, error.hint)
            return Problem(name, detail, hint, retry_after=after)
    return _fault(error)


def in_words_of_the_api(hint: str) -> str:
    """A hint for the command line, said to somebody who uses the API; empty if nothing is left of it.

    >>> in_words_of_the_api("Ask for --level raw, or fit one with `citimeasure calibrate fit`.")
    'Ask for level raw.'
    >>> in_words_of_the_api("`citimeasure device list` shows those there are.")
    ''
    """
    text = _OPTION.sub(lambda found: found[1].replace("-", "_"), hint)
    text = re.sub(r",? or [^.]*`citimeasure [^`]*`", "", text)
    return _OF_A_SHELL.sub("", text).strip()


def install(app: FastAPI) -> None:
    """Lets an application answer with problems."""

    async def own(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def engine(_: Request, error: Exception) -> Response:
        assert isinstance(error, CitimeasureError)
        return of_error(error).response()

    async def parameter(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Problem("parameter", *_said(error.errors())).response()

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _BY_STATUS.get(error.status_code, "fault")
        what = "There is no such page." if kind == "not-found" else f"This page knows no {request.method}."
        return Problem(kind, what, "See /v1/docs, or /v1/openapi.json.").response(error.headers)

    async def anything(_: Request, error: Exception) -> Response:
        return _fault(error).response()

    app.add_exception_handler(Problem, own)
    app.add_exception_handler(CitimeasureError, engine)
    app.add_exception_handler(RequestValidationError, parameter)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(Exception, anything)


def _fault(error: Exception) -> Problem:
    log.error("api: a request could not be answered; please report this", exc_info=error)
    return Problem("fault", "This is a fault of the program; it is in the server's log.", "Please report it.")


def _said(errors: Any) -> tuple[str, str]:
    """What pydantic found, as a sentence on the first of it."""
    first = errors[0]
    name = ".".join(str(one) for one in first["loc"][1:]) or "body"
    if first["type"] == "extra_forbidden":
        return f"There is no parameter {name[:60]!r} here.", "See /v1/docs for those there are."
    if first["type"] == "missing":
        return f"The parameter {name} is missing.", "See /v1/docs for what it means."
    message = first["msg"].removeprefix("Value error, ")
    return f"The parameter {name[:60]} cannot be used: {message[:1].lower()}{message[1:]}.".replace("..", "."), ""
