"""The pagination object that lists carry."""

from typing import Any

from pydantic import BaseModel

from models.pages import Page, PageRequest


class Pagination(BaseModel):
    total_items: int
    total_pages: int
    current_page: int
    page_size: int


def pagination_of(found: Page[Any], page: PageRequest) -> Pagination:
    return Pagination(
        total_items=found.total_items,
        total_pages=-(-found.total_items // page.page_size),
        current_page=page.page,
        page_size=page.page_size,
    )
