# SPDX-License-Identifier: EUPL-1.2
"""Settings from a file and from the environment: what is odd is refused in a sentence, and no secret is repeated."""

import pytest

from collector.errors import SettingError
from collector.settings import load, shown


@pytest.mark.parametrize(
    "text",
    [
        "commit_ms = inf",
        "commit_ms = true",
        'commit_ms = "' + "9" * 5000 + '"',
        "quarantine_days = 1000000000001",
        'broker_listen = "127.0.0.1:\\u00b2"',  # a digit to Python, but no port
        'broker_listen = "127.0.0.1:' + "1" * 5000 + '"',
        'folder = "~nobody-has-this-name/data"',
        'folder = "a\\u0000b"',
        "stores = " + "[" * 5000,
        "stores = 5",
    ],
    ids=range(10),
)
def test_an_odd_setting_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "citimeasure.toml"
    path.write_text(text + "\n")
    with pytest.raises(SettingError) as wrong:
        load({}, {}, path)
    assert len(str(wrong.value)) < 5500


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CITIMEASURE_BROKER_PASSWORD", "word\0"), ("CITIMEASURE_BROKER", "mqtt://me:word@host")],
)
def test_what_is_refused_is_not_repeated_if_it_is_secret(variable, value):
    with pytest.raises(SettingError) as wrong:
        load({}, {variable: value})
    assert "word\0" not in str(wrong.value) and ":word@" not in str(wrong.value)


def test_a_secret_that_is_no_text_is_not_repeated(tmp_path):
    path = tmp_path / "citimeasure.toml"
    path.write_text("influx_token = 48151623\n")
    with pytest.raises(SettingError) as wrong:
        load({}, {}, path)
    assert "48151623" not in str(wrong.value)


def test_the_password_in_a_database_s_address_is_not_shown():
    assert shown("registry", "postgresql+psycopg://me:w@rd@host/name") == "postgresql+psycopg://me:(secret)@host/name"
    assert shown("registry", "sqlite:////var/lib/citimeasure/registry.sqlite") == (
        "sqlite:////var/lib/citimeasure/registry.sqlite"
    )
    assert shown("influx_token", "x") == "(secret)" and shown("influx_token", "") == ""
