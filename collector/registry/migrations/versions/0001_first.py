# SPDX-License-Identifier: EUPL-1.2
"""The first schema, and the triggers that keep consents, calibrations and assignments append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
APPEND_ONLY = ("consent", "calibration", "assignment")


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "host",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deployment",
        sa.Column("no", ID, primary_key=True, autoincrement=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("device.id"), nullable=False, index=True),
        sa.Column("project", sa.String(64), sa.ForeignKey("project.id")),
        sa.Column("host", sa.String(32), sa.ForeignKey("host.id")),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("grid", sa.String(16), nullable=False),
        sa.Column("exposure", sa.String(16), nullable=False),
        sa.Column("height", sa.Float),
        sa.Column("environment", sa.String(32), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "consent",
        sa.Column("no", ID, primary_key=True, autoincrement=True),
        sa.Column("host", sa.String(32), sa.ForeignKey("host.id"), nullable=False, index=True),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("text_version", sa.String(32), nullable=False),
    )
    op.create_table(
        "station",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "calibration",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "assignment",
        sa.Column("no", ID, primary_key=True, autoincrement=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("device.id"), nullable=False, index=True),
        sa.Column("quantity", sa.String(32), nullable=False),
        sa.Column("record", sa.String(64), sa.ForeignKey("calibration.id"), nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
    )
    for table in APPEND_ONLY:
        _forbid_changes(table)


def _forbid_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )
