# SPDX-License-Identifier: EUPL-1.2
"""Nothing installed but citimeasure: the embedded broker, the embedded store, simulated kits, Ctrl-C."""

import json
import signal

import pytest

from tests import parts
from tests.journeys.collecting import Collector, citimeasure


@pytest.mark.timeout(200)
def test_the_demo_ends_by_itself_with_balanced_books(tmp_path):
    done = citimeasure("demo", "--folder", tmp_path / "demo", "--kits", 4, "--days", 20, "-o", "json")
    rows = json.loads(done.stdout)
    assert len(rows) == 4 and "SIMULATED" in done.stderr
    for row in rows:
        assert row["made"] == row["acknowledged"] + row["rejected"] and row["stored"] == row["acknowledged"]
        assert row["rejected"] and "clock" in row["reasons"]
    assert sum(row["raw_rmse"] for row in rows) >= 2 * sum(row["rmse"] for row in rows)
    shown = citimeasure("device", "show", rows[0]["kit"], "--folder", tmp_path / "demo").stdout
    assert "SIMULATED" in shown and "clock" in shown
    asked = citimeasure("query", rows[0]["kit"], "pm25", "--folder", tmp_path / "demo", "--to", "2026-03-18")
    assert "SIMULATED" in asked.stderr and "Indicative" in asked.stderr
    citimeasure("export", tmp_path / "export", "--folder", tmp_path / "demo")
    assert json.loads((tmp_path / "export" / "datapackage.json").read_text())["simulated"] is True
    # The same bytes again.
    citimeasure("export", tmp_path / "again", "--folder", tmp_path / "demo")
    files = [path for path in sorted((tmp_path / "export").rglob("*.*")) if path.is_file()]
    assert len(files) > 8
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "export")).read_bytes()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_clean_stop_and_a_next_start(tmp_path, how):
    listen = f"127.0.0.1:{parts.free_port()}"
    folder = tmp_path / "data"
    with Collector(folder, "--listen", listen) as collector:
        made = citimeasure("simulate", "--kits", 3, "--days", 0.5, "--speed", 0, "--listen", listen, "--folder", folder,
                           "-o", "json")  # fmt: skip
        collector.wait_until_stored()
        assert collector.stop(how) == 0
        collector.start()
        assert collector.stop(how) == 0
    books = {row["kit"]: row for row in json.loads(made.stdout)}
    assert all(row["open"] == 0 and row["made"] == row["acknowledged"] + row["rejected"] for row in books.values())
    rows = json.loads(citimeasure("device", "list", "--folder", folder, "-o", "json").stdout)
    assert {row["device"]: row["taken"] for row in rows} == {kit: row["acknowledged"] for kit, row in books.items()}
    assert all(row["simulated"] for row in rows)
