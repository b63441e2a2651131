# SPDX-License-Identifier: EUPL-1.2
"""The description of the MQTT interface says what the code does: addresses, schemas, examples, limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.fleet import order
from collector.health import Health
from collector.ingest.rules import KIT_READS, KIT_WRITES, PREFIX
from collector.message import TOPIC, Ack, Message, Reading, Reason, ack_topic, decode, readings_topic

ROOT = Path(__file__).resolve().parents[2]
VECTORS = sorted((ROOT / "tests/vectors/messages").glob("*.json"))


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docs/reference/asyncapi.yaml").read_text())


def resolve(api: dict[str, Any], reference: str) -> Any:
    found: Any = api
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for item in value.values() for one in references(item)]
    return [one for item in value for one in references(item)] if isinstance(value, list) else []


def test_addresses_are_those_of_the_code(api):
    assert api["channels"]["readings"]["address"] == readings_topic("{device}")
    assert api["channels"]["ack"]["address"] == ack_topic("{device}")
    assert TOPIC.fullmatch(api["channels"]["readings"]["address"].format(device="kit-a1b2c3"))


def test_schemas_are_those_of_the_structs(api):
    _, schemas = msgspec.json.schema_components([Message, Ack, Health], ref_template="#/components/schemas/{name}")
    described = api["components"]["schemas"]
    assert {name: described[name] for name in schemas} == schemas
    assert set(described) - set(schemas) == {"Status", "Command"}
    assert set(api["components"]["schemas"]["Reason"]["enum"]) == {one.value for one in Reason}


def test_what_a_kit_says_of_itself_is_described_field_by_field(api):
    page = (ROOT / "docs/reference/firmware.md").read_text()
    told = page[page.index("## Status") : page.index("(updates)=")]
    assert set(api["components"]["schemas"]["Status"]["properties"]) == set(re.findall(r"^\| `(\w+)` \|", told, re.M))


def test_what_a_kit_obeys_is_what_the_fleet_orders(api):
    example = api["channels"]["command"]["messages"]["Command"]["examples"][0]["payload"]
    update = example["update"]
    assert json.loads(order(update["version"], update["url"], update["percent"], update["at"])) == example
    schema = api["components"]["schemas"]["Command"]["properties"]["update"]
    assert set(schema["properties"]) == set(schema["required"]) == set(update)


def test_every_channel_is_one_that_the_rules_of_brokers_know(api):
    known = {*KIT_WRITES, *KIT_READS}
    assert {one["address"] for one in api["channels"].values()} == {f"{PREFIX}/{{device}}/{name}" for name in known}


def test_every_reference_leads_somewhere(api):
    found = references(api)
    assert found
    for reference in found:
        resolve(api, reference)


def test_every_operation_has_a_channel_and_a_quality_of_service(api):
    for operation in api["operations"].values():
        assert resolve(api, operation["channel"]["$ref"])["address"]
        assert operation["bindings"]["mqtt"]["qos"] in (0, 1)


def test_examples_are_what_they_claim(api):
    example = api["channels"]["readings"]["messages"]["Message"]["examples"][0]["payload"]
    decoded = decode("kit-a1b2c3", json.dumps(example).encode())
    assert len(decoded.readings) == len(example["readings"]) and not decoded.refused
    ack = api["channels"]["ack"]["messages"]["Ack"]["examples"][0]["payload"]
    assert msgspec.json.decode(json.dumps(ack), type=Ack).boot == ack["boot"]


def test_examples_in_the_description_for_people_are_messages():
    page = (ROOT / "docs/reference/message.md").read_text()
    message, ack, health, command = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    decoded = decode("kit-a1b2c3", json.dumps(message).encode())
    assert decoded.readings and not decoded.refused
    assert msgspec.json.decode(json.dumps(ack), type=Ack).rejected
    assert msgspec.json.decode(json.dumps(health), type=Health).codes == ["silent"]
    update = command["update"]
    assert json.loads(order(update["version"], update["url"], update["percent"], update["at"])) == command


@pytest.mark.parametrize("struct", [Message, Reading, Ack, Health])
def test_every_field_is_explained_to_people(struct):
    page = (ROOT / "docs/reference/message.md").read_text()
    for field in msgspec.structs.fields(struct):
        assert f"| `{field.name}` |" in page


def test_noted_reasons_are_those_that_the_vectors_note():
    """The page says which reasons come with a reading that was kept; the shared vectors show it."""
    page = (ROOT / "docs/reference/message.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| `(noted|rejected)` \|", page, re.MULTILINE))
    seen: dict[str, set[str]] = {"noted": set(), "rejected": set()}
    for path in VECTORS:
        vector = json.loads(path.read_text())
        seen["noted"] |= set(vector.get("noted", {}).values())
        for under in seen:
            seen[under] |= set((vector.get("ack") or {}).get(under, {}).values())  # a wrong topic gets no answer
    assert seen["noted"] and seen["rejected"]
    for under, codes in seen.items():
        assert {told[code] for code in codes} == {under}
