"""`client.api_keys`."""

from collections.abc import Iterable
from typing import Any

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, one, page_of, path_of
from perdure_client.models import ApiKey, ApiKeyCreated, Permission


class AsyncApiKeysCalls:
    """Your API keys. Each method with an id raises NotFound for a key that is not yours."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self, name: str, *, permissions: Iterable[Permission | str] | None = None, description: str | None = None
    ) -> ApiKeyCreated:
        """Makes a key; `plain_text_key` of this answer alone shows it. The call is not repeated after a failure.

        Args:
            name: 1 to 100 characters.
            permissions: reading, writing and running graphs, reading and running blocks by default.
            description: for people.

        Raises:
            Forbidden: the key used lacks one of the permissions.
        """
        body: dict[str, Any] = {"name": name, "description": description}
        if permissions is not None:
            body["permissions"] = [str(permission) for permission in permissions]
        return await self._transport.call(
            Request(method="POST", path=path_of("api", "api-keys"), body=body, read=one(ApiKeyCreated))
        )

    async def list(self, *, page: int = 1, page_size: int = 250) -> Page[ApiKey]:
        """Your keys, newest first, revoked ones too. Pages count from 1 and have at most 250."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "api-keys"),
                params=given(page=page, page_size=page_size),
                read=page_of(ApiKey),
                repeatable=True,
            )
        )

    async def get(self, key_id: str) -> ApiKey:
        """What is known about a key; never the key itself."""
        return await self._transport.call(
            Request(method="GET", path=path_of("api", "api-keys", key_id), read=one(ApiKey), repeatable=True)
        )

    async def revoke(self, key_id: str) -> ApiKey:
        """Takes a key back for good."""
        return await self._transport.call(
            Request(method="DELETE", path=path_of("api", "api-keys", key_id), read=one(ApiKey), repeatable=True)
        )

    async def suspend(self, key_id: str) -> ApiKey:
        """Refuses a key until it is activated. Raises Conflict if it is revoked."""
        path = path_of("api", "api-keys", key_id, "suspend")
        return await self._transport.call(Request(method="POST", path=path, read=one(ApiKey), repeatable=True))

    async def activate(self, key_id: str) -> ApiKey:
        """Ends a suspension. Raises Conflict if the key is revoked, or there are too many active ones."""
        path = path_of("api", "api-keys", key_id, "activate")
        return await self._transport.call(Request(method="POST", path=path, read=one(ApiKey), repeatable=True))

    async def set_permissions(self, key_id: str, permissions: Iterable[Permission | str]) -> ApiKey:
        """Replaces what a key may do. Raises Conflict if it is revoked."""
        return await self._transport.call(
            Request(
                method="PUT",
                path=path_of("api", "api-keys", key_id, "permissions"),
                body={"permissions": [str(permission) for permission in permissions]},
                read=one(ApiKey),
                repeatable=True,
            )
        )
