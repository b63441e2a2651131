# SPDX-License-Identifier: EUPL-1.2
"""Settings of a kit: /cfg/config.json, and secrets in a file of their own that is never shown, logged or sent.

DEFAULTS is the one place with every setting. Both files are written beside the old ones and then renamed, so that a
power cut leaves all of the old settings or all of the new ones. Keys of a newer version are kept.
"""

import json
import os

DEFAULTS = {
    "version": 1,
    "device": "",  # public id, from the registry
    "host": "",  # of the broker
    "port": 1883,
    "interval": 60,  # s between two readings
    "store_bytes": 512 * 1024,  # for readings that wait
    "network": "",  # Wi-Fi's name
    "tls": False,  # a checked connection, with the roots in /cfg/roots
    "ntp": "",  # a time server to ask before the others
    "grid": "1km",  # how precisely the place may be shown: 100m, 1km, postcode
    "led": [6, 22],  # hours [UTC] between which the LED may light; [0, 24] is always, [0, 0] never
    "home_assistant": False,  # whether the kit announces itself to Home Assistant
    "microphone": "",  # its model, or none
    "microphone_offset": 0,  # hundredths of a dB, added to every level: what a calibrator or a station told
}
MICROPHONES = ("", "ICS-43434", "INMP441")
GRIDS = ("100m", "1km", "postcode")
SECRETS = ("wifi_password", "mqtt_password", "setup_password")


class ConfigError(Exception):
    """A setting that cannot be; the message says which, never a secret's value."""


def defaults(**more):
    """Every setting and secret, as it is where nobody says otherwise."""
    settings = dict.fromkeys(SECRETS, "")
    settings.update(DEFAULTS)
    settings.update(more)
    return settings


def load(folder):
    """Settings and secrets in one dict. A missing file gives defaults; a damaged one is an error."""
    _finish(folder)
    settings = defaults(**_read(folder + "/config.json"))
    secrets = _read(folder + "/secret.json")
    settings.update({name: secrets[name] for name in SECRETS if name in secrets})
    check(settings)
    return settings


def save(folder, settings):
    """Writes settings and secrets into their two files."""
    check(settings)
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there
    _finish(folder)
    _write(folder + "/secret.json.new", {name: settings[name] for name in SECRETS if settings.get(name)})
    _write(folder + "/config.json.new", {name: value for name, value in settings.items() if name not in SECRETS})
    os.rename(folder + "/secret.json.new", folder + "/secret.json")  # from here on the new ones count
    _finish(folder)


def _finish(folder):
    """Does the second rename, also of a save that a power cut has stopped between the two."""
    try:
        os.stat(folder + "/secret.json.new")
        return  # stopped before the first one: the old settings count
    except OSError:
        pass
    try:
        os.rename(folder + "/config.json.new", folder + "/config.json")
    except OSError:
        pass  # there is nothing to finish


def ready(settings):
    """Whether the kit knows all it needs to send readings."""
    return bool(settings["device"] and settings["host"] and settings["network"])


def forget(folder):
    """Back to the factory's: no settings, no secrets. For a kit that gets a new host."""
    for name in ("/config.json", "/secret.json"):
        try:
            os.remove(folder + name)
        except OSError:
            pass  # there was none


def check(settings):
    """ConfigError if a setting is of the wrong kind."""
    for name, default in defaults().items():
        if type(settings.get(name)) is not type(default):
            raise ConfigError("%s must be a %s" % (name, type(default).__name__))
    if settings["interval"] not in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300):
        raise ConfigError("interval must divide an hour: 1 to 300 s")
    if not 0 < settings["port"] < 65536:
        raise ConfigError("port must be 1 to 65535")
    if settings["grid"] not in GRIDS:
        raise ConfigError("grid must be one of " + ", ".join(GRIDS))
    hours = settings["led"]
    if len(hours) != 2 or not all(type(hour) is int and 0 <= hour <= 24 for hour in hours):
        raise ConfigError("led must be two hours, as [6, 22]")
    if settings["microphone"] not in MICROPHONES:
        raise ConfigError("microphone must be empty, or one of %s" % ", ".join(MICROPHONES[1:]))
    if not -2000 <= settings["microphone_offset"] <= 2000:
        raise ConfigError("microphone_offset is in hundredths of a dB: -2000 to 2000")


def _read(path):
    try:
        with open(path) as file:
            found = json.load(file)
    except OSError:
        return {}
    except ValueError:
        raise ConfigError("%s is damaged; set the kit up again" % path)
    if not isinstance(found, dict):
        raise ConfigError("%s is damaged; set the kit up again" % path)
    return found


def _write(path, content):
    with open(path, "w") as file:
        json.dump(content, file)
