# SPDX-License-Identifier: EUPL-1.2
"""The page at /v1/docs on which the API can be tried out: Swagger UI, from the package fastapi-offline's files.

Nothing is fetched from anywhere else, and the policy that the page is sent with forbids it.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(prefix="/v1", include_in_schema=False)

_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>citimeasure: the API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="docs/swagger-ui.css">
</head><body><div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
_START = """SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis]});
"""
_KINDS = {"js": "text/javascript", "css": "text/css"}
_KEPT = {"Cache-Control": "max-age=86400"}


@router.get("/docs")
async def docs() -> Response:
    """The page."""
    return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, media_type="text/html")


@router.get("/docs/start.js")
async def start() -> Response:
    """What starts it."""
    return Response(_START, headers=_KEPT, media_type="text/javascript")


@router.get("/docs/swagger-ui{rest}")
def swagger(rest: str) -> Response:
    """The two files of Swagger UI that it needs."""
    if rest not in ("-bundle.js", ".css"):
        return Response("There is no such file.\n", 404, media_type="text/plain")
    body = (files("fastapi_offline") / "static" / f"swagger-ui{rest}").read_bytes()
    return Response(body, headers=_KEPT, media_type=_KINDS[rest.rpartition(".")[2]])
