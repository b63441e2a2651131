# SPDX-License-Identifier: EUPL-1.2
"""The command line as a whole: help, errors in one sentence, exit codes, streams."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from collector.cli import COMMANDS, cli
from collector.cli.options import emit
from tests import parts
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment


def commands(group=cli, path=()):
    """Every command with its path, groups included."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_itself(name):
    command = dict(commands())[(name,)]
    assert command.get_short_help_str(200) == COMMANDS[name][1]


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = dict(commands())[path]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.show_default or option.type.name == "choice", option.name


def test_help_imports_nothing_heavy():
    code = "import sys; from collector.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'numpy', 'sqlalchemy', 'amqtt', 'paho', 'rich', 'msgspec'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.endswith("[]\n")


def fails(code, words, *args, **env):
    """Runs a command that must fail with a code and a sentence, without a traceback."""
    done = citimeasure(*args, ok=False, **env)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_no_command_shows_the_help_and_is_wrong_usage():
    done = citimeasure(ok=False)
    assert done.returncode == 2 and "Usage: citimeasure" in done.stderr


def test_wrong_usage():
    fails(2, "Did you mean 'query'?", "qery")
    fails(2, "No such option", "run", "--nonsense")
    fails(2, "is no time", "query", "kit-aaa", "pm25", "--from", "yesterday")
    fails(2, "ends before it begins", "query", "kit-aaa", "pm25", "--from", "2026-02-01", "--to", "2026-01-01")
    fails(2, "goes with --to", "query", "kit-aaa", "pm25", "--from", "2026-02-01", "--last", "1d")


def test_a_wrong_setting(tmp_path):
    fails(3, "CITIMEASURE_COMMIT_MS cannot be 'soon'", "run", CITIMEASURE_COMMIT_MS="soon")
    fails(3, "stores", "run", "--stores", "excel")
    fails(3, "is no address", "run", "--broker", "localhost")
    fails(3, "must not hold a name or password", "run", "--broker", "mqtt://me:secret@localhost")
    config = tmp_path / "citimeasure.toml"
    config.write_text('brocker = "embedded"\n')
    fails(3, "settings that do not exist: brocker", "run", "--config", config)
    config.write_text("broker = \n")
    fails(3, "cannot be read", "run", "--config", config)
    fails(3, "cannot be read", "run", "--config", tmp_path / "none.toml")
    fails(3, "needs a token", "run", "--folder", tmp_path / "data", "--stores", "influx")
    told = fails(3, "secret file", "run", "--folder", tmp_path, CITIMEASURE_STORES="influx",
                 CITIMEASURE_INFLUX_TOKEN_FILE=str(tmp_path / "none"))  # fmt: skip
    assert "citimeasure may read it" in told


def test_a_port_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = fails(
            3, f"cannot listen on 127.0.0.1:{port}", "run", "--folder", tmp_path, "--listen", f"127.0.0.1:{port}"
        )
    assert "broker_listen" in told


def test_a_broker_that_is_away(tmp_path):
    port = parts.free_port()
    fails(
        6, f"No broker answers at 127.0.0.1:{port}", "run", "--folder", tmp_path, "--broker", f"mqtt://127.0.0.1:{port}"
    )


def test_a_broker_that_refuses(tmp_path):
    with parts.mosquitto(["allow_anonymous false"]) as broker:
        fails(6, "refused the collector", "run", "--folder", tmp_path, "--broker", broker.url)


def test_a_store_that_is_away(tmp_path):
    env = {
        "CITIMEASURE_STORES": "influx",
        "CITIMEASURE_INFLUX_TOKEN": "some-token",
        "CITIMEASURE_INFLUX_URL": f"http://127.0.0.1:{parts.free_port()}",
    }
    told = fails(6, "does not answer", "query", "kit-aaa", "pm25", "--folder", tmp_path, **env)
    assert "some-token" not in told


def test_a_registry_that_is_away(tmp_path):
    url = f"postgresql://me:secret@127.0.0.1:{parts.free_port()}/x"
    told = fails(6, "does not answer", "run", "--folder", tmp_path, CITIMEASURE_REGISTRY=url)
    assert "secret" not in told


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    fails(3, "cannot be written", "run", "--folder", tmp_path / "file")
    fails(3, "cannot be written", "run", "--folder", tmp_path / "file" / "sub")
    fails(3, "cannot be written", "run", "--folder", "/proc/citimeasure")
    fails(3, "There is no folder", "query", "kit-aaa", "pm25", "--folder", tmp_path / "none")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    fails(3, "is not empty", "demo", "--folder", tmp_path / "full")


def test_a_damaged_registry_is_named(tmp_path):
    # A damaged spool is mended (test_repair.py), a damaged store is waited for (test_delivery.py).
    (tmp_path / "registry.sqlite").write_text("Dear aunt, this is no database at all. " * 200)
    fails(3, "registry.sqlite", "run", "--folder", tmp_path, "--listen", f"127.0.0.1:{parts.free_port()}")


def test_nothing_found(tmp_path):
    fails(4, "There is no device 'kit-none'", "device", "show", "kit-none", "--folder", tmp_path)
    told = fails(4, "no values of pm25 from kit-aaa", "query", "kit-aaa", "pm25", "--folder", tmp_path)
    assert "is `citimeasure run` going?" in told
    fails(4, "nothing to export", "export", tmp_path / "out", "--folder", tmp_path)


def test_a_random_split_is_refused(tmp_path):
    from collector.store.base import Row
    from collector.store.sqlite import SqliteStore

    citimeasure("device", "add", "--id", "kit-aaa", "--folder", tmp_path)
    store = SqliteStore(tmp_path)
    hours = range(3600 * 490000, 3600 * 490000 + 3600 * 24 * 20, 3600)
    for source in ("kit-aaa", "station:nl10636"):
        store.write([Row(source, "pm25", t, 3600, 10 + t % 7, 1, 0) for t in hours])
    store.close()
    args = ("calibrate", "evaluate", "kit-aaa", "pm25", "--station", "nl10636", "--models", "--folder", tmp_path)
    fails(7, "refused", *args, "--split", "random")
    models = [row["model"] for row in json.loads(citimeasure(*args, "-o", "json").stdout)]
    assert models[:2] == ["raw", "no sensor"] and "guarded_blend" in models


def test_two_collectors_do_not_share_a_folder(tmp_path):
    from tests.journeys.collecting import Collector

    with Collector(tmp_path / "data", "--listen", f"127.0.0.1:{parts.free_port()}") as collector:
        other = f"127.0.0.1:{parts.free_port()}"
        fails(3, "Another collector", "run", "--folder", tmp_path / "data", "--listen", other)
        assert collector.stop() == 0


def test_a_reader_that_has_seen_enough(tmp_path):
    command = " ".join([*CITIMEASURE, "doctor", "--settings", "-o", "jsonl", "|", "head", "-1"])
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment())
    assert done.stderr == "" and json.loads(done.stdout)["setting"] == "folder"


def test_doctor_says_what_to_do(tmp_path):
    good = citimeasure("doctor", "--folder", tmp_path)
    assert "✓ python" in good.stdout and "✗" not in good.stdout
    port = parts.free_port()
    bad = citimeasure("doctor", "--folder", tmp_path, ok=False, CITIMEASURE_BROKER=f"mqtt://127.0.0.1:{port}")
    assert bad.returncode == 1 and f"✗ broker: 127.0.0.1:{port} does not answer" in bad.stdout
    told = citimeasure("doctor", "--settings", "-o", "json", CITIMEASURE_INFLUX_TOKEN="very-secret").stdout
    assert "very-secret" not in told
    settings = {row["setting"]: row for row in json.loads(told)}
    assert settings["influx_token"]["from"] == "CITIMEASURE_INFLUX_TOKEN"


@pytest.mark.parametrize("words", ["[/red] is no name", "[link=https://x.example]me[/link] :skull:", "[bold]b"])
def test_a_table_shows_the_words_of_strangers_as_they_are(capsys, words):
    emit([{"detail": f"{words}\x1b[31m\x07"}], "table")
    assert capsys.readouterr().out.split("\n")[1].rstrip() == f"{words}\ufffd[31m\ufffd"


def test_the_debug_option_shows_where_an_error_comes_from(tmp_path):
    command = [*CITIMEASURE, "--debug", "query", "kit-aaa", "pm25", "--folder", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert "Traceback" in done.stderr and done.returncode == 1


def test_the_console_command_is_installed():
    path = Path(sys.executable).with_name("citimeasure")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("citimeasure 0.")
