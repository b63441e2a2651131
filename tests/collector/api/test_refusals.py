# SPDX-License-Identifier: EUPL-1.2
"""What cannot be answered is a problem (RFC 9457) with a sentence, whatever is asked; nothing of the inside shows."""

from __future__ import annotations

import pytest

from tests.collector.api.test_answers import PERIOD

ONE = {"source": "kit-one", "quantity": "pm25", **PERIOD}


@pytest.mark.parametrize(
    ("page", "asked", "status", "kind", "words"),
    [
        ("series", {"quantity": "pm25"}, 422, "parameter", "source is missing"),
        ("series", {**ONE, "sauce": "x"}, 422, "parameter", "no parameter 'sauce'"),
        ("series", {**ONE, "source": "kit-nobody"}, 404, "not-found", "no device 'kit-nobody'"),
        ("series", {**ONE, "source": "station:nowhere"}, 404, "not-found", "no station 'nowhere'"),
        ("series", {**ONE, "source": "project:nothing"}, 404, "not-found", "no kit in project:nothing"),
        ("series", {**ONE, "source": "around:91,5,1km"}, 422, "parameter", "no place on Earth"),
        ("series", {**ONE, "source": "around:here"}, 422, "parameter", "no circle"),
        ("series", {**ONE, "source": "within:/etc/passwd"}, 422, "parameter", "cannot be asked"),
        ("series", {**ONE, "source": "../../etc/passwd"}, 404, "not-found", "no device"),
        ("series", {**ONE, "source": "x' OR '1'='1"}, 404, "not-found", "no device"),
        ("series", {**ONE, "source": "x\x00y"}, 404, "not-found", "no device"),
        ("series", {**ONE, "quantity": 'pm25" OR 1=1 --'}, 404, "not-found", "no values"),
        ("series", {**ONE, "quantity": "la90"}, 422, "parameter", "percentiles do not average"),
        ("series", {**ONE, "from": PERIOD["to"], "to": PERIOD["from"]}, 422, "parameter", "ends before it begins"),
        ("series", {**ONE, "from": "soon"}, 422, "parameter", "no time"),
        ("series", {**ONE, "from": "0001-01-01"}, 422, "parameter", "1970"),
        ("series", {**ONE, "from": "1970-01-01", "to": "2199-01-01"}, 422, "too-much", "too long"),
        ("aggregates", {**ONE, "from": "1970-01-01"}, 422, "too-much", "too long"),
        ("aggregates", {**ONE, "every": "fortnight"}, 422, "parameter", "every"),
        ("aggregates", {**ONE, "zone": "Mars/Olympus"}, 422, "parameter", "zone"),
        ("aggregates", {**ONE, "zone": "../../etc/passwd"}, 422, "parameter", "zone"),
        ("series", {**ONE, "quantity": "no2", "level": "calibrated"}, 404, "not-found", "no calibration"),
        (
            "series",
            {**ONE, "source": "kit-two", "quantity": "no2", "beside_station": 1},
            404,
            "not-found",
            "no station",
        ),
        ("series", {**ONE, "coverage": "nan"}, 422, "parameter", "coverage"),
        ("devices", {"project": "nothing"}, 404, "not-found", "no project"),
        ("devices", {"limit": 0}, 422, "parameter", "limit"),
        ("devices", {"limit": 10**30}, 422, "parameter", "limit"),
        ("devices", {"cursor": "x"}, 422, "parameter", "cursor"),
        ("calibrations/zz", {}, 404, "not-found", "no calibration"),
        ("calibrations/%25", {}, 404, "not-found", "no calibration"),
        ("devices/..%2f..%2fetc", {}, 404, "not-found", ""),
        ("nothing", {}, 404, "not-found", "no such page"),
    ],
)
def test_bad_input_gets_a_sentence(api, page, asked, status, kind, words):
    found = api.get(page, params=asked)
    body = found.json()
    assert (found.status_code, body["status"], body["type"]) == (status, status, f"urn:citimeasure:problem:{kind}")
    assert found.headers["content-type"] == "application/problem+json"
    assert words in body["detail"] and body["detail"].endswith((".", "!"))
    assert "citimeasure " not in body.get("hint", "") and "--" not in body.get("hint", "")


def test_a_cursor_of_another_question_is_refused(api):
    cursor = api.get("devices", params={"limit": 1}).json()["next"].partition("cursor=")[2]
    found = api.get("deployments", params={"limit": 1, "cursor": cursor})
    assert found.status_code == 422 and "none of this question" in found.json()["detail"]


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/xml, image/*"])
def test_a_form_that_cannot_be_had(embedded_api, accept):
    found = embedded_api.get("series", params=ONE, headers={"Accept": accept})
    assert found.status_code == 406 and "text/csv" in found.json()["hint"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(embedded_api, method):
    found = embedded_api.request(method, "devices")
    assert found.status_code == 405 and found.headers["allow"] == "GET"
    assert found.json()["type"] == "urn:citimeasure:problem:method"
