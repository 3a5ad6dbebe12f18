"""`client.audit`."""

from datetime import datetime

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, one, path_of
from perdure_client.models import AuditEntry, AuditPage


class AsyncAuditCalls:
    """Who did what. Pages count from 1 and have at most 100 entries, newest first."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        action: str | None = None,
        object: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        page_size: int = 25,
    ) -> Page[AuditEntry]:
        """What was done to what is yours.

        Args:
            action: for example "api_key.revoked".
            object: a kind of object, such as "graph", or "graph:ID".
            since: included, with a time zone.
            until: not included.
        """
        return await self._read("audit", action, object, since, until, page, page_size)

    async def list_all(
        self,
        *,
        action: str | None = None,
        object: str | None = None,
        owner_id: str | None = None,
        actor_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        page_size: int = 25,
    ) -> Page[AuditEntry]:
        """What was done by all, as `list`, for administrators. Raises Forbidden."""
        of = given(owner_id=owner_id, actor_id=actor_id)
        return await self._read("admin/audit", action, object, since, until, page, page_size, of)

    async def _read(
        self,
        path: str,
        action: str | None,
        object: str | None,
        since: datetime | None,
        until: datetime | None,
        page: int,
        page_size: int,
        more: "dict[str, str | int | float | bool] | None" = None,
    ) -> Page[AuditEntry]:
        params = given(
            action=action,
            object=object,
            since=None if since is None else since.isoformat(),
            until=None if until is None else until.isoformat(),
            page=page,
            page_size=page_size,
        )
        found = await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", *path.split("/")),
                params={**params, **(more or {})},
                read=one(AuditPage),
                repeatable=True,
            )
        )
        return Page(tuple(found.entries), found.pagination.total_items)
