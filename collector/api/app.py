# SPDX-License-Identifier: EUPL-1.2
"""The application: routes, problems, headers that every answer has, and openapi.json. server.py runs it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector import __version__
from collector.api import catalogue, page, problems, shapes, values

OPENAPI = "/v1/openapi.json"
_DESCRIPTION = (
    "Citizens' measurements of air and noise, raw and calibrated. Indicative: not for testing against limit values. "
    "Times are ISO 8601; an interval has a start and an end. Answers are JSON, CSV or Parquet, as `Accept` says. "
    "What cannot be answered is a problem (RFC 9457) with a sentence."
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Vary": "Accept",
}


def make_app() -> FastAPI:
    """An application; whoever runs it sets `app.state.desk`, a collector.api.desk.Desk."""
    app = FastAPI(
        title="citimeasure",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    for router in (catalogue.router, values.router, page.router):
        app.include_router(router)
    problems.install(app)
    app.add_middleware(_Headers)
    document = _described(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    return app


class _Headers:
    """Adds to each answer the headers that it lacks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _described(app: FastAPI) -> dict[str, Any]:
    """openapi.json, in which every operation names its problems."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = shapes.ProblemDetails.model_json_schema()
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            found = operation["responses"]
            for status, text in _by_status().items():
                found[str(status)] = {"description": text, "content": content}
    return document


def _by_status() -> dict[int, str]:
    """What each status of a problem means."""
    found: dict[int, list[str]] = {}
    for status, text in problems.KINDS.values():
        found.setdefault(status, []).append(text)
    return {status: " ".join(texts) for status, texts in sorted(found.items()) if status != 405}


def _name(route: APIRoute) -> str:
    return route.name
