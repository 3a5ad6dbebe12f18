"""Types of fields for the texts that people give to things."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from models.hygiene import MAX_DESCRIPTION, MAX_NAME, plain_name, rich_text

_MAX_RAW_NAME: Final = 1_000
"""A longer text is refused as it is."""


def _plain(value: object) -> object:
    return plain_name(value) if isinstance(value, str) and len(value) <= _MAX_RAW_NAME else value


PlainName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), BeforeValidator(_plain)]
"""1 to 100 characters on one line, after tags were removed."""

RichDescription = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=MAX_DESCRIPTION), AfterValidator(rich_text)
]
"""At most 1000 characters as they were typed; then as HTML with the allowed tags only."""
