# SPDX-License-Identifier: EUPL-1.2
"""Called by alembic: runs the migrations on the connection that `upgrade` opened, in its transaction."""

from alembic import context

from collector.registry.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
