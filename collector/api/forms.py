# SPDX-License-Identifier: EUPL-1.2
"""Forms: the rows of an answer as JSON, CSV or Parquet, whichever the client's `Accept` wants most.

Rows of equal keys come in, a response goes out. JSON has the rows in `items`, beside notes for people and the address
of the next page; CSV and Parquet have the rows alone, and the next page in the header `Link`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Request, Response

from collector.api.problems import Problem
from collector.columns import Row
from collector.export.answer import parquet
from collector.export.cells import cell

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
FORMS = (JSON, CSV, PARQUET)
NOTICE = "Indicative measurements: not for testing against limit values."


def wanted(request: Request, forms: Sequence[str] = FORMS) -> str:
    """The form that a request accepts best; of equals the first. Problem if it accepts none."""
    accept = request.headers.get("accept") or "*/*"
    shares = [(_share(accept, form), -n, form) for n, form in enumerate(forms)]
    share, _, form = max(shares)
    if share <= 0:
        raise Problem("form", "The answer cannot be had in that form.", f"Write Accept: {' or '.join(forms)}.")
    return form


def answer(request: Request, form: str, rows: Sequence[Row], *, cursor: str | None = None, **more: Any) -> Response:
    """A response with rows; `cursor` leads to the next page, `more` stands beside the rows where there is room."""
    following = f"{request.url.path}?{request.url.include_query_params(cursor=cursor).query}" if cursor else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    if form == PARQUET:
        return Response(parquet(rows), headers=headers, media_type=PARQUET)
    if form == CSV:
        return Response(_csv(rows), headers=headers, media_type="text/csv; charset=utf-8")
    body = msgspec.json.encode({**more, "items": rows, "next": following})
    return Response(body, headers=headers, media_type=JSON)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    writer.writerows([cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _share(accept: str, form: str) -> float:
    """How much a header `Accept` wants a form, 0 to 1, by its most exact range (RFC 9110, 12.5.1).

    >>> _share("text/*;q=0.5, application/json", "text/csv")
    0.5
    >>> _share("text/html", "text/csv")
    0.0
    """
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        exact = (form, f"{form.partition('/')[0]}/*", "*/*")
        if name not in exact:
            continue
        share = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    share = min(1.0, max(0.0, float(parameter[2:])))
                except ValueError:
                    share = 0.0
        found = max(found, (-exact.index(name) + len(exact), share))
    return found[1]
