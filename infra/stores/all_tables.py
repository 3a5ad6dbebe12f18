"""Every table there is, also those that this process uses in no other way."""

import importlib
import pkgutil

import models.tables


def import_all_tables() -> None:
    """Makes `SQLModel.metadata` complete. Idempotent."""
    for module in pkgutil.iter_modules(models.tables.__path__, models.tables.__name__ + "."):
        importlib.import_module(module.name)
