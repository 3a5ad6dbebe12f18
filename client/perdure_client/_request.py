"""One call of the gateway as a value: what is sent, whether it may be sent again, how the answer is read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import TypeAdapter, ValidationError

from perdure_client.errors import UnexpectedAnswer, api_error

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

TOTAL_HEADER = "X-Total-Count"


@dataclass(frozen=True)
class Page(Generic[T]):
    """Part of a list; iterating gives its items.

    Attributes:
        items: in the order of the list.
        total: how many items the whole list has.
    """

    items: tuple[T, ...]
    total: int

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """
    Attributes:
        path: below the gateway's address, each part quoted (see `path_of`).
        read: makes the result of a successful answer.
        repeatable: whether sending it twice does the same as once, so that it may be retried.
        patience_seconds: how much longer than usual the answer may take.
    """

    method: Method
    path: str
    read: Callable[[httpx2.Response], T]
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, str | int | float | bool])
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool = False
    patience_seconds: float = 0


def path_of(*parts: str | int) -> str:
    """`path_of("api", "graphs", graph_id)`: a path in which no id can reach beyond its place.

    Raises:
        ValueError: a part is empty.
    """
    quoted: list[str] = []
    for part in parts:
        text = str(part)
        if not text:
            raise ValueError("An id is empty.")
        # Dots alone would be taken for a way up.
        quoted.append(text.replace(".", "%2E") if text in (".", "..") else quote(text, safe=""))
    return "/" + "/".join(quoted)


def given(**params: str | float | bool | None) -> dict[str, str | int | float | bool]:
    """Query parameters without those that are None."""
    return {name: value for name, value in params.items() if value is not None}


def one(kind: type[T]) -> Callable[[httpx2.Response], T]:
    """Reads one object."""
    return _reader(TypeAdapter(kind))


def one_or_none(kind: type[T]) -> Callable[[httpx2.Response], T | None]:
    """Reads one object or null."""
    read_one = one(kind)
    return lambda response: None if response.content.strip() == b"null" else read_one(response)


def page_of(kind: type[T]) -> Callable[[httpx2.Response], Page[T]]:
    """Reads an array, with the length of the whole list in a header where it is only a part."""
    adapter: TypeAdapter[tuple[T, ...]] = TypeAdapter(tuple[kind, ...])  # pyright: ignore[reportInvalidTypeForm]
    read_items = _reader(adapter)

    def read(response: httpx2.Response) -> Page[T]:
        items = read_items(response)
        total = response.headers.get(TOTAL_HEADER, "")
        return Page(items, int(total) if total.isdecimal() else len(items))

    return read


def nothing(response: httpx2.Response) -> None:
    """Of an answer only its success matters."""


def answer(request: Request[T], response: httpx2.Response) -> T:
    """The result of a successful answer.

    Raises:
        ApiError: the answer tells of an error.
        UnexpectedAnswer: it is none of the gateway's.
    """
    if response.is_success:
        return request.read(response)
    if response.is_redirect:
        raise UnexpectedAnswer(f"{_where(response)} redirects elsewhere: use the gateway's own address.")
    try:
        body: object = response.json()
    except ValueError:
        body = None
    raise api_error(response.status_code, body, retry_after_seconds=retry_after(response))


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the gateway asks to wait."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdecimal() else None


def _reader(adapter: TypeAdapter[T]) -> Callable[[httpx2.Response], T]:
    def read(response: httpx2.Response) -> T:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the answer"
            raise UnexpectedAnswer(
                f"{_where(response)} gave an answer of another form: {place}: {first['msg']}"
            ) from error

    return read


def _where(response: httpx2.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"
