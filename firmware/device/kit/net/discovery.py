# SPDX-License-Identifier: EUPL-1.2
"""Home Assistant finds the kit by itself: one retained message for each quantity (MQTT discovery of Home Assistant).

Home Assistant then reads the same messages as the collector does; nothing is sent twice.
"""

import json

from kit.data.quantities import NAMES

# Home Assistant's device class and unit.
_DUST = const("µg/m³")
_CLASSES = {
    "pm1": ("pm1", _DUST), "pm25": ("pm25", _DUST), "pm4": ("pm4", _DUST), "pm10": ("pm10", _DUST),
    "temperature": ("temperature", "°C"), "humidity": ("humidity", "%"), "pressure": ("atmospheric_pressure", "hPa"),
    "co2": ("carbon_dioxide", "ppm"),
}  # fmt: skip
_SOUND = ("sound_pressure", "dB")


def entity(device, name):
    """(topic, payload) that announce one quantity of a kit."""
    kind, unit = _CLASSES.get(name) or (_SOUND if name[0] == "l" else (None, None))
    about = {
        "name": name,
        "unique_id": "%s_%s" % (device, name),
        "state_topic": "citimeasure/v1/%s/readings" % device,
        # The last of the readings, which may lack a quantity now and then.
        "value_template": "{{ value_json.readings[-1].q.get('%s') }}" % name,
        "state_class": "measurement",
        "availability_topic": "citimeasure/v1/%s/status" % device,
        "availability_template": "{{ 'online' if value_json.online else 'offline' }}",
        "device": {"identifiers": [device], "name": device, "manufacturer": "citimeasure"},
    }
    if kind:
        about["device_class"] = kind
        about["unit_of_measurement"] = unit
    return "homeassistant/sensor/%s/%s/config" % (device, name), json.dumps(about)


async def announce(client, device, record):
    """Announces what a reading holds."""
    for code, _ in record.values:
        topic, payload = entity(device, NAMES[code])
        await client.publish(topic, payload.encode(), 1, True)
