"""Parts of long lists."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

ItemT = TypeVar("ItemT")


class PageRequest(BaseModel):
    """Which part of a list: pages count from 1."""

    model_config = ConfigDict(frozen=True)

    page: int = 1
    page_size: int = 25

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size


class Page(BaseModel, Generic[ItemT]):
    """One page and the length of the whole list."""

    model_config = ConfigDict(frozen=True)

    items: tuple[ItemT, ...]
    total_items: int
