"""Annotated dependencies and parameters that read like types."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request, Response

from models.ids import ApiKeyId, BlockId, GraphExecId, GraphId, NodeExecId, PresetId
from models.pages import Page, PageRequest
from models.stores import UnitOfWork
from services.gateway.container import Container, container_of
from services.gateway.run_starter import RunStarter

MAX_VERSION: Final = 2_147_483_647
MAX_PAGE: Final = 1_000_000
LIST_PAGE_SIZE: Final = 250
_ID = Path(min_length=1, max_length=255, pattern=r"^[^\x00]+$")


async def _container(request: Request) -> Container:
    return container_of(request)


GatewayContainer = Annotated[Container, Depends(_container)]

GraphIdPath = Annotated[GraphId, _ID]
GraphExecIdPath = Annotated[GraphExecId, _ID]
NodeExecIdPath = Annotated[NodeExecId, _ID]
BlockIdPath = Annotated[BlockId, _ID]
ApiKeyIdPath = Annotated[ApiKeyId, _ID]
PresetIdPath = Annotated[PresetId, _ID]
VersionPath = Annotated[int, Path(ge=1, le=MAX_VERSION)]
VersionQuery = Annotated[int | None, Query(ge=1, le=MAX_VERSION)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


async def _starter(container: GatewayContainer) -> RunStarter:
    return RunStarter(container)


Starter = Annotated[RunStarter, Depends(_starter)]


async def _unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    async with container_of(request).units() as unit:
        yield unit


Unit = Annotated[UnitOfWork, Depends(_unit_of_work, scope="function")]
"""The request's transaction. It ends before the answer is sent, so a failed commit is never answered with success."""


async def _long_page(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    page_size: Annotated[int, Query(ge=1, le=LIST_PAGE_SIZE)] = LIST_PAGE_SIZE,
) -> PageRequest:
    return PageRequest(page=page, page_size=page_size)


async def _short_page(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = 25
) -> PageRequest:
    return PageRequest(page=page, page_size=page_size)


LongPage = Annotated[PageRequest, Depends(_long_page)]
"""For lists that are plain arrays: 250 at a time, the whole length in `X-Total-Count`."""

ShortPage = Annotated[PageRequest, Depends(_short_page)]
"""For lists that carry a pagination object."""


def tell_total(response: Response, page: Page[Any]) -> None:
    """Puts the length of the whole list beside an array that holds one page of it."""
    response.headers["X-Total-Count"] = str(page.total_items)
