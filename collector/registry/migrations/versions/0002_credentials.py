# SPDX-License-Identifier: EUPL-1.2
"""Hashes of passwords and tokens, and since when a device is locked out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    op.add_column("device", sa.Column("revoked", sa.BigInteger))
    op.create_table(
        "credential",
        sa.Column("no", ID, primary_key=True, autoincrement=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("device.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(200), nullable=False, index=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
    )
