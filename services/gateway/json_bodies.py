"""Request bodies as JSON that can be stored: read with limits, normalised before any model sees them."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from typing import Any, ClassVar, Final

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from models.errors import AppError, InvalidRequestError, PayloadTooLargeError, UnsupportedMediaTypeError
from models.json_values import JsonTooDeepError, load_json, normalise_json
from services.gateway.auth.dependencies import PERMISSIONS_ATTRIBUTE, authenticated
from services.gateway.auth.identification import identify
from services.gateway.container import container_of

PARSED_ASIDE_BYTES: Final = 256 * 1024
"""Bodies above it are parsed in a thread, so that other requests go on meanwhile."""

SMALL_BODY_BYTES: Final = 64 * 1024


def parse_body(data: bytes) -> Any:
    """The normalised value of a body. Beyond strict JSON it takes NaN, Infinity (null) and lone surrogates (U+FFFD).

    Raises:
        InvalidRequestError: not JSON, or nested too deep.
    """
    try:
        return load_json(data)
    except JsonTooDeepError:
        raise
    except InvalidRequestError:
        pass
    try:
        return normalise_json(json.loads(data))
    except RecursionError as error:
        raise JsonTooDeepError("The body is nested too deep. Flatten it.") from error
    except ValueError as error:
        place = f" at position {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidRequestError(f"The body is not valid JSON{place}.") from error


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How deep a JSON value may be nested, and how many keys each of its objects may have (None: any number)."""

    max_depth: int
    max_keys: int | None = None

    def check(self, value: Any, *, where: str) -> None:
        """Raises InvalidRequestError if `value`, which messages call `where`, is beyond a limit."""
        check_limits(value, where=where, max_depth=self.max_depth, max_keys=self.max_keys)


class _NormalisingRequest(Request):
    limits: JsonLimits | None = None
    max_bytes: int | None = None
    unread: bool = False
    """The body counts as empty, and stays where it is."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = b"" if self.unread else b"".join(await self._chunks())
        return self._body

    async def _chunks(self) -> list[bytes]:
        announced = self.headers.get("content-length", "")
        self._check_size(int(announced[:18]) if announced.isdecimal() else 0)
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            self._check_size(size)
            chunks.append(chunk)
        return chunks

    def _check_size(self, size: int) -> None:
        if self.max_bytes is not None and size > self.max_bytes:
            raise PayloadTooLargeError(f"The request body is larger than {self.max_bytes} bytes, the limit here.")

    async def json(self) -> Any:
        body = await self.body()
        aside = len(body) > PARSED_ASIDE_BYTES
        value = await asyncio.to_thread(parse_body, body) if aside else parse_body(body)
        if self.limits is not None:
            self.limits.check(value, where="the body")
        return value


def check_json_type(headers: Headers) -> None:
    """Refuses what claims, or leaves open, to be something else than JSON in UTF-8.

    Raises:
        UnsupportedMediaTypeError
    """
    given = headers.getlist("content-type")
    if given == ["application/json"]:
        return
    if len(given) > 1:
        raise UnsupportedMediaTypeError("The request has more than one Content-Type. Send one.")
    message = Message()
    message["Content-Type"] = given[0] if given else ""
    kind = message.get_content_type() if given else ""
    charset = (message.get_content_charset() or "utf-8").lower()
    if not (kind == "application/json" or kind.endswith("+json")) or charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaTypeError("The body must be JSON: send it with Content-Type: application/json.")


class JsonRoute(APIRoute):
    """A route whose body is JSON and went through `parse_body`; errors of reading it keep their own status.

    Of whoever may not send one nothing is read: the route runs without it, for its dependencies to refuse.
    """

    limits: ClassVar[JsonLimits | None] = None
    """Of the whole body. Without any, what can be stored counts, and routes check the parts they know."""

    max_bytes: ClassVar[int | None] = None
    """Of the body. Without any, what the gateway takes at all."""

    async def may_send(self, request: Request) -> bool:
        """Whether the caller's body is worth reading: on routes that only known users may call, whether it is one."""
        return not self._asks_who or (await identify(request, container_of(request))).principal is not None

    @cached_property
    def _asks_who(self) -> bool:
        return any(_asks_who(dependant) for dependant in _all_of(self.dependant))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def read_and_handle(request: Request) -> Response:
            json_request = _NormalisingRequest(request.scope, request.receive)
            json_request.limits, json_request.max_bytes = self.limits, self.max_bytes
            json_request.unread = takes_body and not await self.may_send(request)
            try:
                if takes_body and (request.headers.getlist("content-type")[1:] or await json_request.body()):
                    check_json_type(request.headers)
                return await handle(json_request)
            except HTTPException as error:
                # FastAPI hides whatever goes wrong while it reads a body behind a 400.
                if isinstance(error.__cause__, AppError):
                    raise error.__cause__ from error
                raise

        return read_and_handle


class SmallJsonRoute(JsonRoute):
    """For bodies that hold no graphs and no data of runs."""

    limits = JsonLimits(max_depth=10, max_keys=1_000)
    max_bytes = SMALL_BODY_BYTES


def _all_of(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _all_of(inner)


def _asks_who(dependant: Dependant) -> bool:
    return dependant.call is authenticated or hasattr(dependant.call, PERMISSIONS_ATTRIBUTE)


def check_limits(value: Any, *, where: str, max_depth: int, max_keys: int | None = None) -> None:
    """Refuses a JSON value with too many containers inside each other, or an object with too many keys.

    Args:
        where: names the value in the message.

    Raises:
        InvalidRequestError: beyond a limit.
    """
    level: list[Any] = [value]
    for _ in range(max_depth + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return
        for item in level:
            if max_keys is not None and isinstance(item, dict) and len(item) > max_keys:
                raise InvalidRequestError(
                    f"Invalid input structure: {where} has an object of {len(item)} keys; the limit is {max_keys}."
                )
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    raise InvalidRequestError(
        f"Invalid input structure: {where} is nested more than {max_depth} levels deep. Flatten it."
    )
