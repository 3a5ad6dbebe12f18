"""Alembic's entry point; `infra.migrate` hands over the connection, so nothing here reads settings."""

import importlib
import pkgutil

from alembic import context
from sqlmodel import SQLModel

import models.tables

for module in pkgutil.iter_modules(models.tables.__path__, models.tables.__name__ + "."):
    importlib.import_module(module.name)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
