"""Pins that take credentials: a reference to what is stored, never the secret."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

CredentialsType = Literal["api_key", "oauth2", "user_password", "host_scoped"]


def credentials_of(
    *providers: str,
    kind: CredentialsType,
    discriminator: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Any:
    """The type of a pin for credentials of one of `providers`.

    Args:
        kind: what a credential consists of.
        discriminator: the sibling pin that picks the provider or the host.
        mapping: value of that pin -> provider.
    """
    schema = credentials_schema(providers, (kind,))
    if discriminator is not None:
        schema["discriminator"] = discriminator
    if mapping is not None:
        schema["discriminator_mapping"] = dict(mapping)
    return Annotated[dict[str, Any], WithJsonSchema(schema)]


def credentials_schema(providers: Sequence[str], types: Sequence[str]) -> dict[str, Any]:
    """JSON schema of a credential of one of the providers, of one of the types."""
    return {
        "type": "object",
        "properties": {
            "id": {"title": "Id", "type": "string"},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Title"},
            "provider": _one_of(providers, title="Provider"),
            "type": _one_of(types, title="Type"),
        },
        "required": ["id", "provider", "type"],
        "credentials_provider": list(providers),
        "credentials_types": list(types),
    }


def _one_of(names: Sequence[str], *, title: str) -> dict[str, Any]:
    choice = {"const": names[0]} if len(names) == 1 else {"enum": list(names)}
    return {**choice, "title": title, "type": "string"}
