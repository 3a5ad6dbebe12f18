"""`.env.example`, generated from the settings classes so that it is always complete."""

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from infra.settings import SETTINGS_CLASSES

_HEADER = """\
# Every setting, with its default. Copy to .env and uncomment what should differ; the environment wins over the file.
# `perdure up` sets what its processes need; DATABASE_URL, REDIS_URL or TEMPORAL_ADDRESS make it use your own server.
"""


def render_env_example(classes: Iterable[type[BaseSettings]] = SETTINGS_CLASSES) -> str:
    """All settings as commented `NAME=default` lines below their descriptions."""
    sections = [_HEADER]
    for settings in classes:
        lines = [f"# {settings.__doc__ or settings.__name__}"]
        for name, field in settings.model_fields.items():
            lines += [f"# {field.description}", f"#{name.upper()}={_shown(field.default)}"]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def list_settings(classes: Iterable[type[BaseSettings]] = SETTINGS_CLASSES) -> list[dict[str, str]]:
    """Name, default and description of every setting, for programs."""
    return [
        {"name": name.upper(), "default": _shown(field.default), "description": field.description or ""}
        for settings in classes
        for name, field in settings.model_fields.items()
    ]


def _shown(default: object) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Path):
        return default.as_posix()
    return str(default)
