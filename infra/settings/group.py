"""What all settings classes have in common, and how one is read."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError


class SettingsGroup(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )


GroupT = TypeVar("GroupT", bound=BaseSettings)


class SettingsError(ConfigurationError):
    """Settings that cannot be used; `problems` maps the variable (or file) -> reason, and never quotes a value."""

    code = "settings_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in problems.items()))
        self.problems = dict(problems)


def read_group(group: type[GroupT], values: Mapping[str, str]) -> GroupT:
    """Settings of one class: `values` by variable name, then the environment, then `.env`.

    Raises:
        SettingsError: values that are of no use, or a `.env` that is no text.
    """
    given = {name: values[name.upper()] for name in group.model_fields if name.upper() in values}
    try:
        return group.model_validate(given)
    except ValidationError as error:
        # A `.env` that is no text is an error of no field.
        problems = {str(found["loc"][0]).upper() if found["loc"] else ".env": found["msg"] for found in error.errors()}
        raise SettingsError(problems) from None
    except OSError as error:
        raise SettingsError({".env": f"cannot be read ({error.strerror})"}) from None


def listed(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated value."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
