"""`client.users`."""

from typing import Literal

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, nothing, one, page_of, path_of
from perdure_client.models import AdminUser


class AsyncUsersCalls:
    """All users, for administrators who logged in. Everybody else, and every API key, is Forbidden."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        search: str | None = None,
        status: Literal["ACTIVE", "SUSPENDED"] | None = None,
        page: int = 1,
        page_size: int = 250,
    ) -> Page[AdminUser]:
        """Users, newest first; `search` is part of an id, an address or a name. Pages count from 1."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "admin", "users"),
                params=given(search=search, status=status, page=page, page_size=page_size),
                read=page_of(AdminUser),
                repeatable=True,
            )
        )

    async def get(self, user_id: str) -> AdminUser:
        """Raises NotFound."""
        path = path_of("api", "admin", "users", user_id)
        return await self._transport.call(Request(method="GET", path=path, read=one(AdminUser), repeatable=True))

    async def suspend(self, user_id: str) -> AdminUser:
        """Refuses a user everywhere and ends their runs. Raises NotFound, or Conflict for yourself."""
        path = path_of("api", "admin", "users", user_id, "suspend")
        return await self._transport.call(Request(method="POST", path=path, read=one(AdminUser), repeatable=True))

    async def unsuspend(self, user_id: str) -> AdminUser:
        """Ends a suspension. Raises NotFound."""
        path = path_of("api", "admin", "users", user_id, "unsuspend")
        return await self._transport.call(Request(method="POST", path=path, read=one(AdminUser), repeatable=True))

    async def erase(self, user_id: str) -> None:
        """Deletes a user and everything of theirs, for good. Raises NotFound, or Conflict for yourself."""
        path = path_of("api", "admin", "users", user_id)
        await self._transport.call(Request(method="DELETE", path=path, read=nothing))
