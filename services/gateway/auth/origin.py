"""Where a request comes from, as far as accounts remember it."""

from dataclasses import dataclass
from typing import Final

import structlog
from starlette.requests import HTTPConnection

from models.json_values import normalise_json
from services.gateway.client_address import address_of

_MAX_USER_AGENT: Final = 300


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    address: str
    user_agent: str
    request_id: str | None

    @classmethod
    def of(cls, connection: HTTPConnection) -> "RequestOrigin":
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        return cls(
            address=address_of(connection),
            user_agent=normalise_json(connection.headers.get("User-Agent", ""))[:_MAX_USER_AGENT],
            request_id=str(request_id) if request_id else None,
        )
