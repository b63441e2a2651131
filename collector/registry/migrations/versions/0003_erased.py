# SPDX-License-Identifier: EUPL-1.2
"""Since when a host is erased: what is left of one is the id and this."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("host", sa.Column("erased", sa.BigInteger))
