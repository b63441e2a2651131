# SPDX-License-Identifier: EUPL-1.2
"""The registry's tables, as SQLAlchemy sees them. Migrations make them; nothing creates tables from here.

Times are whole seconds since 1970, UTC. Contact data stand in `host` alone, exact places in `deployment` alone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

_ID = Integer().with_variant(BigInteger(), "postgresql")

device = Table(
    "device",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)
credential = Table(
    "credential",
    metadata,
    Column("no", _ID, primary_key=True, autoincrement=True),
    Column("device", String(32), ForeignKey("device.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("hash", String(200), nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
    Column("until", BigInteger),
)
project = Table(
    "project",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("created", BigInteger, nullable=False),
)
host = Table(
    "host",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("erased", BigInteger),
)
deployment = Table(
    "deployment",
    metadata,
    Column("no", _ID, primary_key=True, autoincrement=True),
    Column("device", String(32), ForeignKey("device.id"), nullable=False, index=True),
    Column("project", String(64), ForeignKey("project.id")),
    Column("host", String(32), ForeignKey("host.id")),
    Column("start", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("grid", String(16), nullable=False),
    Column("exposure", String(16), nullable=False),
    Column("height", Float),
    Column("environment", String(32), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("created", BigInteger, nullable=False),
)
consent = Table(
    "consent",
    metadata,
    Column("no", _ID, primary_key=True, autoincrement=True),
    Column("host", String(32), ForeignKey("host.id"), nullable=False, index=True),
    Column("purpose", String(64), nullable=False),
    Column("given", Boolean, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("text_version", String(32), nullable=False),
)
station = Table(
    "station",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("network", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("created", BigInteger, nullable=False),
)
calibration = Table(
    "calibration",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
)
assignment = Table(
    "assignment",
    metadata,
    Column("no", _ID, primary_key=True, autoincrement=True),
    Column("device", String(32), ForeignKey("device.id"), nullable=False, index=True),
    Column("quantity", String(32), nullable=False),
    Column("record", String(64), ForeignKey("calibration.id"), nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("note", String(200), nullable=False),
)

# Rows of these are added, never changed and never removed; triggers hold the database to it.
APPEND_ONLY = ("consent", "calibration", "assignment")
