"""Pages of what a statement finds."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.pages import Page, PageRequest

RowT = TypeVar("RowT")
ItemT = TypeVar("ItemT")


async def read_page(
    session: AsyncSession, wanted: Select[RowT], page: PageRequest, *order: Any, convert: Callable[[RowT], ItemT]
) -> Page[ItemT]:
    """One page of all rows that are wanted, and how many they are. `order` has to tell any two rows apart."""
    part = wanted.order_by(*order).offset(page.offset).limit(page.page_size)
    rows = await session.scalars(part.execution_options(populate_existing=True))
    items = tuple(map(convert, rows))
    return Page(items=items, total_items=await count_rows(session, wanted))


async def count_rows(session: AsyncSession, wanted: Select[Any]) -> int:
    return await session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
